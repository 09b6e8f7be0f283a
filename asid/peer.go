// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"crypto/x509"
	"errors"
	"net/http"
)

// A PeerSource says who is at the other end of a request. It must be safe for
// concurrent use.
//
// Peer is called for each request and returns the leaf certificate of the
// request's peer, which it has verified now: a connection outlives its
// handshake, and its certificate may have been revoked since. An error refuses
// the request with 403 ACCESS_DENIED. The error, or one that it wraps, may have
// the methods
//
//	PeerRule() string      // the word of the rule that refused the peer, for the log
//	CloseConnection() bool // whether the connection is to be closed
//
// of which "version" and "suite" are answered with 403 ACCESS_DENIED_SSL. What
// the error says goes to the log, not to the peer.
//
// A *tlsconfig.Endpoint is a PeerSource for connections that end in this
// process; package tlsconfig/front has one for those that end in a proxy.
type PeerSource interface {
	Peer(r *http.Request) (*x509.Certificate, error)
}

// InsecureUnverifiedPeers is a [PeerSource] that verifies nothing: it returns
// whatever certificate the peer presented on r.TLS, self-signed, expired or
// revoked, whatever the version and the cipher suite. With it any client can be
// any system. It is for tests.
type InsecureUnverifiedPeers struct{}

// Peer returns the first certificate of r.TLS.
func (InsecureUnverifiedPeers) Peer(r *http.Request) (*x509.Certificate, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, errNoCertificate
	}
	return r.TLS.PeerCertificates[0], nil
}

var errNoAnswer = errors.New("the peer source returned neither a certificate nor an error")

// peerNames returns the names of the peer of r.
func peerNames(peers PeerSource, r *http.Request) (Names, error) {
	cert, err := peers.Peer(r)
	if err == nil && cert == nil {
		err = errNoAnswer
	}
	if err != nil {
		return Names{}, &RequestError{Rule: RulePeer, Detail: "could not be verified", Err: err}
	}
	return NamesOf(cert)
}

// peerRule returns the word of the source for why it refused the peer, or none.
func peerRule(err error) string {
	if e, ok := errors.AsType[interface {
		error
		PeerRule() string
	}](err); ok {
		return e.PeerRule()
	}
	return ""
}

// closes reports whether the connection of a refused peer is to be closed.
func closes(err error) bool {
	refused, ok := outermost(err).(*RequestError)
	if !ok || refused.Rule != RulePeer {
		return false
	}
	e, ok := errors.AsType[interface {
		error
		CloseConnection() bool
	}](refused.Err)
	return ok && e.CloseConnection()
}
