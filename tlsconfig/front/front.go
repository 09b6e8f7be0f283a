// SPDX-License-Identifier: Apache-2.0

package front

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Front says who is at the other end of a request that came through a proxy
// which ended TLS, judged by the whole Verifier for each request. It is the peer
// source ([github.com/nrlsecurity/nrlsecurity/asid.PeerSource]) of a server behind
// such a proxy. The zero Front accepts no request's peer. Its fields must not change once it
// is used; it is safe for concurrent use.
type Front struct {
	// Form is how the proxy writes its client's certificate; required.
	Form Form

	// Verifier judges that certificate, as on a connection that ends here;
	// required.
	Verifier tlsconfig.Verifier

	// Suites narrows the guidance's list; nil: all of it. A connection to the
	// proxy that is not TLS 1.2 with one of them is refused.
	Suites []tlsconfig.Suite

	// Proxies are the addresses that the proxy connects from. The address is that
	// of the connection (ConnContext), never what a header says. An address alone
	// proves little, loopback being every local user's, so Secret is wanted too.
	Proxies []netip.Prefix

	// Secret is the value of SecretHeader that the proxy sends with each request,
	// of at least 128 bits: 32 characters or more. It is required over TCP; where
	// it is set, every request must carry it, whatever connection it came by.
	Secret string

	// UIDs are the users that the proxy may run as, if it connects by a unix
	// socket, which should be in a directory of its own; nil: root and this
	// process's own user. Such a connection needs no Secret, but see there.
	UIDs []int

	// ProxyPeers verifies the proxy's own certificate, if it connects by mutual
	// TLS: a *tlsconfig.Endpoint whose Verifier names the proxy. Such a connection
	// needs no Secret, but see there. Nil: such connections are refused.
	ProxyPeers interface {
		Peer(r *http.Request) (*x509.Certificate, error)
	}

	// InsecureNoSecret trusts every connection from one of Proxies. Any user of
	// a machine there, and whatever gets a header past the proxy, can then be any
	// client. Handler logs a warning. Connections that a Listener wraps in a type
	// without a NetConn method are refused nevertheless: who reads the PROXY
	// protocol, for one, has the address from its header.
	InsecureNoSecret bool

	// Timeout bounds the check of one peer; zero: 10 s.
	Timeout time.Duration

	// Logger gets one record for each peer that Middleware refuses, and one for
	// each field that loosens what is checked; nil: none.
	Logger *slog.Logger

	once   sync.Once
	end    *tlsconfig.Endpoint // for its VerifyLeaf
	secret [sha256.Size]byte   // the hash of Secret
	leaves leaves
}

// prepare makes what all requests share.
func (f *Front) prepare() {
	f.once.Do(func() {
		f.end = &tlsconfig.Endpoint{Verifier: f.Verifier, Timeout: f.Timeout}
		f.secret = hashed(f.Secret)
	})
}

// SecretHeader is the header by which a proxy proves that it is the proxy.
const SecretHeader = "Ssl-Proxy-Secret"

const minSecret = 32

// Validate returns what is missing or wrong in f.
func (f *Front) Validate() error {
	if _, ok := forms[f.Form]; !ok {
		return fmt.Errorf("front: there is no Form %q", string(f.Form))
	}
	if f.Verifier.Pins == nil || len(f.Verifier.Pins.SubCAs()) == 0 {
		return fmt.Errorf("front: the Verifier's Pins pin no CA, so nobody could be accepted")
	}
	if f.Verifier.Revocation == nil {
		return fmt.Errorf("front: the Verifier's Revocation is nil, so nobody could be accepted")
	}
	if r, ok := f.Verifier.Revocation.(interface{ Validate() error }); ok { // such as *revocation.Checker
		if err := r.Validate(); err != nil {
			return fmt.Errorf("front: the Verifier's Revocation could accept nobody: %w", err)
		}
	}
	if len(f.Verifier.FQDNs) == 0 && !f.Verifier.AllowAnyFQDN {
		return fmt.Errorf("front: the Verifier's FQDNs name no client, so nobody could be accepted")
	}
	if len(f.Verifier.FQDNs) > 0 && f.Verifier.AllowAnyFQDN {
		return fmt.Errorf("front: the Verifier's AllowAnyFQDN is for fronts that name no FQDNs")
	}
	for _, name := range f.Verifier.FQDNs {
		if _, err := fqdn.Parse(name); err != nil {
			return fmt.Errorf("front: the Verifier's FQDNs: %w", err)
		}
	}
	if f.Suites != nil && len(f.Suites) == 0 {
		return fmt.Errorf("front: the list of Suites is empty; nil stands for all of them")
	}
	for _, suite := range f.Suites {
		if _, err := tlsconfig.ParseSuite(suite.String()); err != nil {
			return fmt.Errorf("front: the Suites: %w", err)
		}
	}
	for _, proxy := range f.Proxies {
		if !proxy.IsValid() || proxy.Addr().Is4In6() { // connections have their IPv4 addresses as such
			return fmt.Errorf("front: no address is ever in the Proxies' %s", proxy)
		}
	}
	if f.Secret != "" && len(f.Secret) < minSecret {
		return fmt.Errorf("front: the Secret has %d characters, fewer than %d", len(f.Secret), minSecret)
	}
	// Such as the line feed of the file that it was read from.
	if strings.TrimSpace(f.Secret) != f.Secret || strings.ContainsFunc(f.Secret, unicode.IsControl) {
		return fmt.Errorf("front: the Secret begins or ends with space or has a control character, which no header can")
	}
	if f.Timeout < 0 {
		return fmt.Errorf("front: the Timeout is negative")
	}
	if len(f.Proxies) > 0 && f.Secret == "" && !f.InsecureNoSecret {
		return fmt.Errorf("front: Proxies are named but no Secret: an address alone is no proof")
	}
	return nil
}

// An arrival is what one request said about its peer, and why that does
// not count. It is the context of the request, so that it costs one allocation.
type arrival struct {
	context.Context
	front                         *Front // that judged it: another trusts other proxies
	certificate, protocol, cipher string // header values
	err                           error  // why no peer is accepted
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
// A front that is not valid answers 500 to everything and logs why.
func (f *Front) Handler(next http.Handler) http.Handler {
	if err := f.Validate(); err != nil {
		if f.Logger != nil {
			f.Logger.Error("front is not valid", slog.Any("err", err))
		}
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		})
	}
	f.warn()
	f.prepare()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &arrival{Context: r.Context(), front: f}
		if a.err = f.trusted(r); a.err == nil {
			a.err = f.read(r.Header, a)
		}
		strip(r.Header)
		r = r.WithContext(a)
		r.Trailer = nil // net/http fills the trailers of the request that it made
		next.ServeHTTP(w, r)
	})
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
		f.log(r, err)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "the client certificate was refused by rule "+err.Rule, http.StatusForbidden)
	})
}

// warn makes one record for each field that loosens what is checked.
func (f *Front) warn() {
	if f.Logger == nil {
		return
	}
	if f.InsecureNoSecret && f.Secret == "" {
		f.Logger.Warn("every process at the proxies' addresses is trusted: InsecureNoSecret is in use")
	}
	if f.Verifier.AllowAnyFQDN {
		f.Logger.Warn("certificates of every name are accepted, and the caller is for the handler to bind: AllowAnyFQDN is in use")
	}
	switch f.Verifier.Revocation.(type) {
	case tlsconfig.InsecureSkipRevocation, *tlsconfig.InsecureSkipRevocation:
		f.Logger.Warn("revoked certificates are accepted: InsecureSkipRevocation is in use")
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
	leaf, known, err := f.leaves.get(f, a.certificate)
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

// log makes the record of a refusal.
func (f *Front) log(r *http.Request, e *Error) {
	if f.Logger == nil {
		return
	}
	attrs := []slog.Attr{slog.String("rule", e.Rule)}
	if refusal, ok := errors.AsType[*tlsconfig.PeerError](e); ok && refusal.Cert != nil {
		attrs = append(attrs, slog.String("subject", ascii.Cut(refusal.Cert.Subject.String(), 200)), slog.String("serial", ascii.Cut(refusal.Cert.SerialNumber.Text(16), 200)))
	}
	f.Logger.LogAttrs(r.Context(), slog.LevelWarn, "peer refused", append(attrs, slog.String("detail", e.why()))...)
}
