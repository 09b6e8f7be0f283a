// SPDX-License-Identifier: Apache-2.0

package front

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// An arrival is what one request said about its peer, and why that does
// not count. It is the context of the request, so that it costs one allocation.
type arrival struct {
	context.Context
	front *Front // that judged it: another trusts other proxies
	said
	err error // why no peer is accepted
}

type arrivalKey struct{}

// Value implements context.Context.
func (a *arrival) Value(key any) any {
	if key == (arrivalKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// Handler must stand before every other handler of the server. It takes what
// proxies say about their clients' certificates out of each request, whatever sent
// it and however it is spelt, trailers included, and keeps it for Peer if the
// proxy sent it. It takes it out of the map that the request came with, so that what
// stands before it loses it, too. A request that did not come from the proxy goes on
// without a peer.
//
// It answers 405 to CONNECT, whatever sent it: a proxy that is granted one, as HAProxy
// may be, hands on what its client writes from then on as it is, other clients'
// certificates in the proxy's headers included.
//
// A front that is not valid answers 500 to everything and logs why.
func (f *Front) Handler(next http.Handler) http.Handler {
	if err := f.Validate(); err != nil {
		f.log(context.Background(), slog.LevelError, "front is not valid", slog.Any("err", err))
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		})
	}
	f.warn()
	f.prepare()
	form := forms[f.Form]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			refuseConnect(w, r)
			return
		}
		a := &arrival{Context: r.Context(), front: f}
		if a.err = f.trusted(r); a.err == nil {
			a.err = form.read(r.Header, &a.said)
		}
		strip(r.Header)
		r = r.WithContext(a)
		r.Trailer = nil // net/http fills the trailers of the request that it made
		next.ServeHTTP(w, r)
	})
}

// refuseConnect closes a connection of HTTP/1, on which the client's octets may stand
// behind the request already.
func refuseConnect(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
}

// Middleware answers 403 to requests whose peer [Front.Peer] refuses, and makes one
// record of each in Logger. It stands behind Handler, and is for handlers without
// package asid, whose Authorizer and Gate ask Peer themselves.
func (f *Front) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := f.peer(r)
		if err == nil {
			next.ServeHTTP(w, r)
			return
		}
		f.logRefusal(r.Context(), err)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "the client certificate was refused by rule "+err.Rule, http.StatusForbidden)
	})
}

// warn makes one record for each field that loosens what is checked.
func (f *Front) warn() {
	warn := func(text string) { f.log(context.Background(), slog.LevelWarn, text) }
	if f.InsecureNoSecret && f.Secret == "" {
		warn("every process at the proxies' addresses is trusted: InsecureNoSecret is in use")
	}
	if f.Verifier.AllowAnyFQDN {
		warn("certificates of every name are accepted, and the caller is for the handler to bind: AllowAnyFQDN is in use")
	}
	switch f.Verifier.Revocation.(type) {
	case tlsconfig.InsecureSkipRevocation, *tlsconfig.InsecureSkipRevocation:
		warn("revoked certificates are accepted: InsecureSkipRevocation is in use")
	}
}

// Peer returns the leaf of the request's peer, verified now. It takes about a
// microsecond for a certificate that was accepted before, while Revocation answers
// from memory, and no longer than Timeout and an eighth of it otherwise. The error is
// an *Error. It is not logged: the caller answers the request, and logs why.
func (f *Front) Peer(r *http.Request) (*x509.Certificate, error) {
	leaf, err := f.peer(r)
	if err != nil {
		return nil, err
	}
	return leaf, nil
}

func (f *Front) peer(r *http.Request) (*x509.Certificate, *Error) {
	a, ok := r.Context().Value(arrivalKey{}).(*arrival)
	if !ok || a.front != f {
		return nil, &Error{Rule: RuleProxy, Detail: "Front.Handler does not stand before this handler"}
	}
	if a.err != nil {
		if e, ok := errors.AsType[*Error](a.err); ok {
			return nil, e
		}
		return nil, &Error{Rule: RuleProxy, Err: a.err}
	}
	if a.protocol != "TLSv1.2" {
		return nil, &Error{Rule: "version", Detail: fmt.Sprintf("the client's connection to the proxy is %s, not TLSv1.2", quote(a.protocol))}
	}
	if suite, err := tlsconfig.ParseSuite(a.cipher); err != nil || f.Suites != nil && !slices.Contains(f.Suites, suite) {
		return nil, &Error{Rule: "suite", Detail: fmt.Sprintf("the client's connection to the proxy has the suite %s", quote(a.cipher))}
	}
	leaf, known, err := f.leaves.get(forms[f.Form].decode, a.certificate)
	if err != nil {
		return nil, &Error{Rule: RuleHeader, Header: forms[f.Form].certificate, Err: err}
	}
	if err := f.end.VerifyLeaf(leaf); err != nil {
		e := &Error{Rule: "peer", Err: err}
		if refusal, ok := errors.AsType[*tlsconfig.PeerError](err); ok {
			e.Rule = refusal.Rule.String()
		}
		return nil, e
	}
	if !known {
		f.leaves.put(a.certificate, leaf)
	}
	return leaf, nil
}

// logRefusal makes the record of a refusal.
func (f *Front) logRefusal(ctx context.Context, e *Error) {
	attrs := []slog.Attr{slog.String("rule", e.Rule)}
	if refusal, ok := errors.AsType[*tlsconfig.PeerError](e); ok && refusal.Cert != nil {
		attrs = append(attrs, slog.String("subject", ascii.Line(refusal.Cert.Subject.String(), 200)), slog.String("serial", ascii.Cut(refusal.Cert.SerialNumber.Text(16), 200)))
	}
	f.log(ctx, slog.LevelWarn, "peer refused", append(attrs, slog.String("detail", e.why()))...)
}
