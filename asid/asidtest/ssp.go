// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// What a proxy answers about the client certificate and about the provider.
// 495 and 496 are not HTTP's; they are those of the software that proxies run on.
const (
	statusBadCertificate = 495
	statusNoCertificate  = 496
)

// maxRecord bounds what the SSP passes on, either way.
const maxRecord = 64 << 20

// An SSP is a running Spine Secure Proxy. It takes GET requests for
//
//	/https%3A%2F%2Fprovider.nhs.uk%2Frecords%2F1
//
// from a client with a certificate that SubCA issued and that is registered for
// the ASID in Ssp-From, checks the other headers and the token as an
// asid.Authorizer does, and forwards the request to a provider whose name is
// registered for the ASID in Ssp-To, with a certificate of its own and the
// headers as they came. It answers
//
//	400 for headers or a path that are malformed, 403 for an ASID that may not,
//	405 for a method that retrieves nothing, 495 and 496 for a bad certificate
//	and for none, 502 for a provider that cannot be reached, cannot prove who it
//	is or sends more than 64 MiB, 504 for one that takes too long.
type SSP struct {
	URL string // https and the address on loopback, no trailing slash

	// Timeout is how long the SSP waits for a provider; zero: 10 s. It must not
	// change after the first request.
	Timeout time.Duration

	server   *spinetest.Server
	time     func() time.Time
	registry asid.Registry
	verifier tlsconfig.Verifier
	upstream http.RoundTripper
}

// NewSSP starts an SSP of the PKI whose certificate, towards consumers and
// providers alike, is for fqdn; the caller should Close it. Providers are found
// by their name, as by [spinetest.PKI.DialContext].
func NewSSP(pki *spinetest.PKI, fqdn string, registry asid.Registry) *SSP {
	e := pki.Endpoint(fqdn, fqdn)
	s := &SSP{registry: registry, verifier: e.Verifier, time: e.Verifier.Time, upstream: pki.Client(pki.Issue(fqdn)).Transport}
	config, err := e.ServerConfig()
	if err != nil {
		panic("asidtest: " + err.Error())
	}
	s.server = pki.Serve(admitAll(config), fqdn, http.HandlerFunc(s.answer))
	s.URL = s.server.URL
	return s
}

// admitAll returns a config that leaves the client certificate to the handler,
// which can say by a status what is wrong with it.
func admitAll(config *tls.Config) *tls.Config {
	choose := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen, err := choose(hello)
		if chosen == nil {
			return nil, err
		}
		chosen = chosen.Clone()
		chosen.ClientAuth = tls.RequestClientCert
		chosen.VerifyConnection = nil
		return chosen, err
	}
	return config
}

// Close ends the SSP and its connections.
func (s *SSP) Close() { s.server.Close() }

// Client returns a client of the system from, which presents cert and asks for
// records of the system to: its requests name the record's own URL and go
// through the SSP. The token's organisation is the first that from is registered
// for.
func (s *SSP) Client(cert tls.Certificate, from, to asid.ID) *http.Client {
	claims := asid.Claims{User: "555021935107"}
	if system, err := s.registry.Lookup(context.Background(), from); err == nil && len(system.ODS) > 0 {
		claims.Organization = system.ODS[0]
	} else if claims.Organization, err = asid.ParseODSCode("X26"); err != nil {
		panic("asidtest: " + err.Error())
	}
	ssp, err := url.Parse(s.URL)
	if err != nil {
		panic("asidtest: " + err.Error())
	}
	return &http.Client{Transport: &asid.Transport{
		From: from, To: to, Interaction: asid.DocumentReferenceContentRead,
		Protocol: asid.SSP, Claims: claims, SSP: ssp,
		Base: s.server.Client(cert).Transport, Time: s.time,
	}}
}

// answer answers a consumer.
func (s *SSP) answer(w http.ResponseWriter, r *http.Request) {
	if len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "a client certificate is required", statusNoCertificate)
		return
	}
	if err := s.verify(r.Context(), r.TLS.PeerCertificates); err != nil {
		http.Error(w, err.Error(), statusBadCertificate)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only retrieval is supported", http.StatusMethodNotAllowed)
		return
	}
	s.authorizer(r).Middleware(http.HandlerFunc(s.forward)).ServeHTTP(w, r)
}

// verify accepts any system's certificate of the Spine: the Authorizer checks
// that it is the sender's.
func (s *SSP) verify(ctx context.Context, presented []*x509.Certificate) error {
	v := s.verifier
	// A certificate that speaks for no name is refused for the SSP's own.
	if names, err := tlsconfig.FQDNs(presented[0]); err == nil {
		v.FQDNs = names
	}
	_, err := v.Verify(ctx, tlsconfig.Presented{Certificates: presented, Usage: x509.ExtKeyUsageClientAuth})
	return err
}

// authorizer returns one that takes Ssp-To for its own ASID, whatever it is: the
// SSP stands in for all providers. forward sees whether there is such a one.
func (s *SSP) authorizer(r *http.Request) *asid.Authorizer {
	to, err := asid.ParseID(r.Header.Get("Ssp-To"))
	if err != nil {
		to = asid.MustParseID("000000000000") // the header is refused before this counts
	}
	return &asid.Authorizer{
		Registry: s.registry,
		Self:     to,
		Peers:    s,
		Protocol: asid.SSP,
		InteractionOf: func(r *http.Request) (asid.InteractionID, error) {
			// Method and path say no more than that something is retrieved.
			return asid.InteractionID(r.Header.Get("Ssp-InteractionID")), nil
		},
		Time: s.time,
	}
}

// Peer implements [asid.PeerSource]: the certificate of any system of the Spine's.
func (s *SSP) Peer(r *http.Request) (*x509.Certificate, error) {
	return r.TLS.PeerCertificates[0], s.verify(r.Context(), r.TLS.PeerCertificates)
}

// forward sends the request on to the provider.
func (s *SSP) forward(w http.ResponseWriter, r *http.Request) {
	record, err := recordURL(r.URL)
	if err != nil {
		asid.WriteError(w, r, err)
		return
	}
	if err := s.receiver(r, record.Hostname()); err != nil {
		asid.WriteError(w, r, err)
		return
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL, pr.Out.Host = record, record.Host
		},
		Transport:      s.upstream,
		ModifyResponse: bound,
		ErrorHandler:   answerFailure,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRecord)
	proxy.ServeHTTP(w, r.WithContext(ctx))
}

// recordURL decodes the one segment of the path. What is not exactly the encoded
// URL of a record could be read in more than one way.
func recordURL(u *url.URL) (*url.URL, error) {
	segment := strings.TrimPrefix(u.EscapedPath(), "/")
	if segment == "" || strings.Contains(segment, "/") || u.RawQuery != "" || u.ForceQuery {
		return nil, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a path that is not one percent-encoded URL"}
	}
	text, err := url.PathUnescape(segment)
	if err != nil {
		return nil, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a path that is not one percent-encoded URL"}
	}
	record, err := url.Parse(text)
	switch {
	case err != nil || record.Scheme != "https" || record.Host == "" || record.User != nil || strings.Contains(text, "#"):
		return nil, &asid.RequestError{Rule: asid.RuleRequest, Detail: "is for a record whose URL is not https, with a host and without user or fragment"}
	case record.Port() != "":
		return nil, &asid.RequestError{Rule: asid.RuleRequest, Detail: "is for a record whose URL names a port: records are served on port 443"}
	}
	return record, nil
}

// receiver wants Ssp-To to be a system that is registered for the record's host,
// lest the SSP be a way to anywhere.
func (s *SSP) receiver(r *http.Request, host string) error {
	refusal := &asid.RequestError{Rule: asid.RuleASID, Interaction: asid.InteractionID(r.Header.Get("Ssp-InteractionID")), Err: asid.ErrNotFound}
	to, err := asid.ParseID(r.Header.Get("Ssp-To"))
	if err != nil {
		return refusal
	}
	refusal.ASID = to
	system, err := s.registry.Lookup(r.Context(), to)
	switch {
	case errors.Is(err, asid.ErrNotFound):
		return refusal
	case err != nil:
		return &asid.RegistryError{ASID: to, Detail: "the look-up failed", Err: err}
	}
	if !slices.ContainsFunc(system.FQDNs, func(name string) bool { return strings.EqualFold(name, host) }) {
		refusal.Rule, refusal.Err = asid.RuleInteraction, asid.ErrNotAssociated
		return refusal
	}
	return nil
}

var errTooLong = errors.New("the record is larger than the SSP passes on")

// bound lets at most maxRecord bytes of a record pass.
func bound(response *http.Response) error {
	if response.ContentLength > maxRecord {
		return errTooLong
	}
	response.Body = &bounded{response.Body, maxRecord}
	return nil
}

type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// answerFailure answers for a provider that did not.
func answerFailure(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusBadGateway
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusGatewayTimeout
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, err.Error(), status)
}
