// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// An Endpoint is one end of a Spine connection, a server or a client. The zero
// value builds nothing and says why. Its fields must not change once it is
// used; what it builds is safe for concurrent use.
type Endpoint struct {
	// Certificate is this end's own certificate; required. It must be RSA
	// with at least 2048 bits, valid, meant for this end's use, and come with
	// the SubCA that issued it.
	Certificate CertificateSource

	// Verifier says who may be at the other end; required. A server must name the
	// FQDNs that it accepts, a client may leave them to the name it dials.
	Verifier Verifier

	// Suites narrows the guidance's list, whatever the order here; nil: all
	// that the engine has.
	Suites []Suite

	// SessionTicketsDisabled makes every connection a full handshake. It is to be
	// set here, since crypto/tls refuses clients that ask for a ticket when it is set
	// on what ServerConfig returned; Audit reports that. tlsconfig/openssl issues
	// none in any case.
	SessionTicketsDisabled bool

	// MaxConnectionAge is the age from which on a connection is closed with its next
	// answer, so that its client makes another handshake; zero: connections may live for
	// ever, since Peer judges each of their requests. It needs Middleware before
	// the handlers, package asid's too, and ConnContext as the server's; without the latter every
	// answer closes its connection.
	MaxConnectionAge time.Duration

	// Timeout bounds the check of one peer, since crypto/tls gives the check
	// no context; zero: 10 s.
	Timeout time.Duration

	// Logger gets one record for each peer that the Verifier refuses, one for each
	// reason why the own certificate is not renewed, and warnings before it or a pinned
	// CA expires (see Expiry); nil: none. Who
	// gets no further than crypto/tls, having no shared suite or no
	// certificate, is in http.Server's ErrorLog alone; tlsconfig/openssl, of
	// whose handshakes http.Server logs nothing, logs them here.
	Logger *slog.Logger
}

const http11 = "http/1.1"

const defaultTimeout = 10 * time.Second

// ServerConfig returns a config that speaks TLS 1.2 only, demands a client
// certificate, verifies it by Verifier on every handshake, resumed ones included,
// and prefers suites in the guidance's order. It returns an error if anything
// is missing or wrong, or if crypto/tls has none of Suites.
//
// The config is complete. What is changed on it afterwards has no effect on the
// connections, which get a config of GetConfigForClient's: Audit reports such
// changes where they would bear on the guidance, except of ClientCAs, which only
// tells clients what is pinned.
// GetConfigForClient decides about each connection and VerifyConnection, on
// the configs that it returns, about each peer. Each call returns a new config
// with ticket keys of its own.
func (e *Endpoint) ServerConfig() (*tls.Config, error) {
	e, own, suites, err := e.build(x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	return (&server{endpoint: e, own: own, suites: suites}).outer(), nil
}

// ClientConfig returns a config that speaks TLS 1.2 only, presents the
// certificate and verifies the server by Verifier on every handshake, resumed ones
// included. It returns an error if anything is missing or wrong, or if
// crypto/tls has none of Suites.
//
// InsecureSkipVerify is set, because crypto/x509 knows neither pins nor FQDNs
// in the common name: VerifyConnection is all that stands between the client
// and an unverified server, and must stay. A client cannot order its suites, crypto/tls
// does; leaving suites out with Suites is the only means. A connection on which
// HTTP/2 was negotiated is an error: http.Transport offers it, whatever the config
// says, if ForceAttemptHTTP2 is set, as in a clone of http.DefaultTransport.
//
// ClientSessionCache is this config's alone. To a server a resumed session is still
// that of the certificate it began with: the config of another Endpoint that is given
// this cache is taken for this client.
func (e *Endpoint) ClientConfig() (*tls.Config, error) {
	e, own, suites, err := e.build(x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	cfg := e.config(suites)
	cfg.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return own.present(request.Context()), nil
	}
	cfg.InsecureSkipVerify = true
	cache := &sessions{endpoint: e, own: own, cache: tls.NewLRUClientSessionCache(0)}
	cfg.VerifyConnection = (&judge{endpoint: e, peer: x509.ExtKeyUsageServerAuth, suites: suites, accepted: cache.verified}).verify
	cfg.ClientSessionCache = cache
	return cfg, nil
}

// build checks e and keeps the suites that crypto/tls has.
func (e *Endpoint) build(own x509.ExtKeyUsage) (*Endpoint, *ownCertificate, []Suite, error) {
	end, err := e.Check(own)
	if err != nil {
		return nil, nil, nil, err
	}
	suites := slices.DeleteFunc(end.Suites(), func(s Suite) bool { return !s.Native() })
	if len(suites) == 0 {
		return nil, nil, nil, fmt.Errorf("crypto/tls has none of the suites %v; tlsconfig/openssl has", e.Suites)
	}
	return end.endpoint, end.own, suites, nil
}

// config returns what servers and clients have in common.
func (e *Endpoint) config(suites []Suite) *tls.Config {
	ids := make([]uint16, len(suites)) // not nil: nil would be crypto/tls's defaults
	for i, s := range suites {
		ids[i] = uint16(s)
	}
	return &tls.Config{
		Time:          e.Verifier.Time,
		MinVersion:    tls.VersionTLS12,
		MaxVersion:    tls.VersionTLS12,
		CipherSuites:  ids,
		NextProtos:    []string{http11}, // HTTP/2 forbids the CBC suites
		Renegotiation: tls.RenegotiateNever,

		SessionTicketsDisabled: e.SessionTicketsDisabled,
	}
}

// A judge is the hook that judges the peer of one config's connections, or of one
// connection. It does not trust that the config around it is still the one that was
// built. verify is a method, and no closure, so that Audit knows it in every config.
type judge struct {
	endpoint *Endpoint
	peer     x509.ExtKeyUsage
	suites   []Suite
	ctx      context.Context // of the handshake; nil: not known
	remote   net.Addr        // nil: not known
	accepted func(Presented) // is told of each peer that is accepted in a full handshake; nil: no one is
}

func (j *judge) verify(cs tls.ConnectionState) error {
	ctx := j.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	if err := checkConnection(&cs, j.suites); err != nil {
		j.endpoint.logRefusal(ctx, addressText(j.remote), err)
		return err
	}
	if cs.NegotiatedProtocol != "" && cs.NegotiatedProtocol != http11 {
		return fmt.Errorf("the connection speaks %q, not HTTP/1.1: what made it added that to NextProtos, "+
			"as http.Transport does with ForceAttemptHTTP2", clip(cs.NegotiatedProtocol))
	}
	p := Presented{Certificates: cs.PeerCertificates, Usage: j.peer, Remote: j.remote}
	if j.peer == x509.ExtKeyUsageServerAuth {
		p.ServerName = cs.ServerName
		p.OCSPResponse = cs.OCSPResponse
	}
	err := j.endpoint.VerifyPeer(ctx, p)
	if err == nil && j.accepted != nil && !cs.DidResume {
		j.accepted(p)
	}
	return err
}

func (e *Endpoint) validatePolicy(own x509.ExtKeyUsage) error {
	var errs []error
	refuse := func(err error) { errs = append(errs, err) }
	if own != x509.ExtKeyUsageServerAuth && own != x509.ExtKeyUsageClientAuth {
		refuse(errors.New("an endpoint is either a server or a client"))
	}
	if e.Verifier.Pins.snapshot() == nil {
		refuse(errors.New("the endpoint's Verifier.Pins pin no CA, so nobody could be accepted"))
	}
	if e.Verifier.AllowAnyFQDN && (len(e.Verifier.FQDNs) > 0 || own != x509.ExtKeyUsageServerAuth) {
		refuse(errors.New("the endpoint's Verifier.AllowAnyFQDN is for servers that name no FQDNs"))
	}
	if e.Verifier.AllowAnyFQDN && e.Logger != nil {
		e.Logger.Warn("certificates of every name are accepted, and the caller is for the handler to bind: AllowAnyFQDN is in use")
	}
	if len(e.Verifier.FQDNs) == 0 && !e.Verifier.AllowAnyFQDN && own == x509.ExtKeyUsageServerAuth {
		refuse(errors.New("the endpoint's Verifier.FQDNs name no client, so nobody could be accepted"))
	}
	for _, name := range e.Verifier.FQDNs {
		if _, err := fqdn.Parse(name); err != nil {
			refuse(fmt.Errorf("the endpoint's Verifier.FQDNs: %w", err))
		}
	}
	switch r := e.Verifier.Revocation.(type) {
	case nil:
		refuse(errors.New("the endpoint's Verifier.Revocation is nil, so nobody could be accepted"))
	case interface{ Validate() error }: // such as *revocation.Checker
		if err := r.Validate(); err != nil {
			refuse(fmt.Errorf("the endpoint's Verifier.Revocation could accept nobody: %w", err))
		}
	case InsecureSkipRevocation, *InsecureSkipRevocation:
		if e.Logger != nil {
			e.Logger.Warn("revoked certificates are accepted: InsecureSkipRevocation is in use")
		}
	}
	if _, err := narrow(e.Suites); err != nil {
		refuse(fmt.Errorf("the endpoint's Suites: %w", err))
	}
	if e.Timeout < 0 {
		refuse(errors.New("the endpoint's Timeout is negative"))
	}
	if e.MaxConnectionAge < 0 {
		refuse(errors.New("the endpoint's MaxConnectionAge is negative"))
	}
	return errors.Join(errs...)
}
