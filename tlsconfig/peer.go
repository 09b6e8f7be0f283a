// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

// Peer returns the client certificate of a request that a server of this
// Endpoint received, verified now: version and suite of the connection, chain,
// validity, FQDN and revocation. A connection may outlive its handshake by days,
// and its certificate may have expired or been revoked, or its SubCA unpinned,
// since. It takes well under a microsecond while Revocation answers from memory,
// and no longer than Timeout and an eighth of it otherwise.
//
// r.TLS must be that of the connection, as net/http sets it for both engines; a
// listener that wraps the connections of tlsconfig/openssl hides it, and every
// request is then refused. The error is a *[RequestPeerError]. It is not logged:
// the caller answers the request, and logs why. With this method an Endpoint is
// package asid's PeerSource; handlers that do without package asid use
// Middleware.
func (e *Endpoint) Peer(r *http.Request) (*x509.Certificate, error) {
	leaf, err := e.peer(r)
	if err != nil {
		return nil, &RequestPeerError{Err: err}
	}
	return leaf, nil
}

func (e *Endpoint) peer(r *http.Request) (leaf *x509.Certificate, refusal *PeerError) {
	defer func() {
		// Of what runs here only the checker and the clock are the user's.
		if p := recover(); p != nil {
			refusal = panicRefusal(leaf, p)
		}
	}()
	if r.TLS == nil || !r.TLS.HandshakeComplete {
		return nil, &PeerError{Rule: RuleVersion, Detail: "the request came over no TLS connection"}
	}
	suites := e.Suites
	if suites == nil {
		suites = allSuites
	}
	if err := checkConnection(r.TLS, suites); err != nil {
		return nil, err
	}
	if len(r.TLS.PeerCertificates) == 0 || r.TLS.PeerCertificates[0] == nil {
		return nil, &PeerError{Rule: RuleNoCertificate, Detail: "the client presented no certificate"}
	}
	leaf = r.TLS.PeerCertificates[0]
	if refusal := e.again(leaf); refusal != nil {
		return nil, refusal
	}
	return leaf, nil
}

// again judges the leaf of a client anew.
func (e *Endpoint) again(leaf *x509.Certificate) *PeerError {
	pins := e.Verifier.Pins.snapshot()
	if pins == nil {
		return &PeerError{Rule: RuleSubCA, Cert: leaf, Detail: "no SubCA is pinned"}
	}
	err := e.Verifier.verifyAgain(pins.deadlines.within(e.timeout()), leaf)
	if err == nil {
		return nil
	}
	refusal, ok := errors.AsType[*PeerError](err)
	if !ok {
		refusal = &PeerError{Rule: RuleRevocation, Cert: leaf, Err: err}
	}
	return refusal
}

// VerifyLeaf is what Peer does with the client's leaf, for a server that knows the
// leaf otherwise than by its own connection, as package tlsconfig/front does. It is
// cheap for a *x509.Certificate that was accepted before. The error is a
// *[PeerError], and is not logged.
func (e *Endpoint) VerifyLeaf(leaf *x509.Certificate) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicRefusal(leaf, p)
		}
	}()
	if leaf == nil {
		return &PeerError{Rule: RuleNoCertificate, Detail: "there is no certificate to verify"}
	}
	if refusal := e.again(leaf); refusal != nil {
		return refusal
	}
	return nil
}

// A RequestPeerError says why [Endpoint.Peer] refused the peer of a request.
type RequestPeerError struct{ Err *PeerError }

// Error names the rule and what was found.
func (e *RequestPeerError) Error() string { return e.Err.Error() }

// Unwrap returns the *PeerError.
func (e *RequestPeerError) Unwrap() error { return e.Err }

// CloseConnection reports whether the connection is to be closed, for package
// asid's PeerSource: it will never again be a good one. While revocation is
// merely unknown it may be, and stays open, lest an outage of the CA's be
// followed by a handshake for every request.
func (e *RequestPeerError) CloseConnection() bool { return e.Err.Definite() }

// Middleware answers 403 to requests whose peer [Endpoint.Peer] refuses, and
// closes the connection unless the peer might be accepted later. Each refusal
// makes one record in Logger. Handlers behind package asid's Authorizer or Gate,
// which ask Peer themselves, do without it.
//
// It judges requests. What a handler makes of one lives on unjudged: a connection that
// it hijacks or upgrades, such as a WebSocket, and a response that goes on for hours. Such a
// handler asks Peer again, with the request that it was called with, before it sends
// or takes the next message, and ends when that is refused.
func (e *Endpoint) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := e.peer(r)
		if err == nil {
			if e.tooOld(r) {
				w.Header().Set("Connection", "close")
			}
			next.ServeHTTP(w, r)
			return
		}
		e.logRefusal(r.Context(), r.RemoteAddr, err)
		if err.Definite() {
			w.Header().Set("Connection", "close")
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "the client certificate was refused by rule "+err.Rule.String(), http.StatusForbidden)
	})
}

type bornKey struct{}

// ConnContext is for [http.Server.ConnContext], where MaxConnectionAge is set: it notes
// when the connection was made.
func (e *Endpoint) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, bornKey{}, time.Now())
}

// tooOld reports whether the connection of r is to end, which it is if its age is not
// known.
func (e *Endpoint) tooOld(r *http.Request) bool {
	if e.MaxConnectionAge <= 0 {
		return false
	}
	born, ok := r.Context().Value(bornKey{}).(time.Time)
	return !ok || time.Since(born) >= e.MaxConnectionAge
}

var allSuites = Suites()
