// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// The time at which the OCSP tests ask.
var ocspNow = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// An ocspParty is a certificate with its key.
type ocspParty struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// copied returns a party whose certificate a test may change.
func (p *ocspParty) copied() *ocspParty {
	cert := *p.cert
	return &ocspParty{cert: &cert, key: p.key}
}

// ocspIssue makes a certificate that parent signs, or a self-signed one.
func ocspIssue(t testing.TB, template *x509.Certificate, key crypto.Signer, parent *ocspParty) *ocspParty {
	t.Helper()
	return issueParty(template, key, parent)
}

func issueParty(template *x509.Certificate, key crypto.Signer, parent *ocspParty) *ocspParty {
	tmpl := *template
	if tmpl.NotBefore.IsZero() {
		tmpl.NotBefore, tmpl.NotAfter = ocspNow.AddDate(-1, 0, 0), ocspNow.AddDate(1, 0, 0)
	}
	if tmpl.SerialNumber == nil {
		tmpl.SerialNumber = big.NewInt(1)
	}
	if parent == nil {
		parent = &ocspParty{cert: &tmpl, key: key}
	}
	return &ocspParty{cert: testca.Sign(&tmpl, parent.cert, key.Public(), parent.key), key: key}
}

func ocspCA(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// noCheck is id-pkix-ocsp-nocheck.
var noCheck = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}

func ocspResponderTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "Responder"}, SerialNumber: big.NewInt(77),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{noCheck},
	}
}

// An ocspPKI is a chain and the responder that its CA has authorised.
type ocspPKI struct {
	root, ca, leaf, responder *ocspParty
}

func newOCSPPKI(t testing.TB) *ocspPKI {
	t.Helper()
	p := issuedOCSPPKI()
	return &ocspPKI{root: p.root.copied(), ca: p.ca.copied(), leaf: p.leaf.copied(), responder: p.responder.copied()}
}

// issuedOCSPPKI is the process's, of which each test has copies.
var issuedOCSPPKI = sync.OnceValue(func() *ocspPKI { return issueOCSPPKI(testca.EC) })

func issueOCSPPKI(key func(name string) crypto.Signer) *ocspPKI {
	root := issueParty(ocspCA("Root"), key("root"), nil)
	ca := issueParty(ocspCA("SubCA"), key("ca"), root)
	return &ocspPKI{
		root: root, ca: ca,
		leaf: issueParty(&x509.Certificate{
			Subject: pkix.Name{CommonName: "leaf.example"}, SerialNumber: big.NewInt(0xabcdef),
			OCSPServer: []string{"http://ocsp.example/"},
		}, key("leaf"), ca),
		responder: issueParty(ocspResponderTemplate(), key("responder"), ca),
	}
}

// rsaKey is the key of a name where it has to be of the kind that the Spine has: for
// benchmarks, and what is particular to RSA.
func rsaKey(name string) crypto.Signer { return testca.RSA(name) }

func (p *ocspPKI) path() []*x509.Certificate {
	return []*x509.Certificate{p.leaf.cert, p.ca.cert, p.root.cert}
}

// good is a response of the CA's own that says good.
func (p *ocspPKI) good() *revocationtest.OCSPResponse {
	return &revocationtest.OCSPResponse{
		Issuer: p.ca.cert, Key: p.ca.key, ProducedAt: ocspNow.Add(-time.Hour),
		Answers: []revocationtest.SingleResponse{p.answer(ocsp.Good)},
	}
}

// by makes r a response of the responder's.
func (p *ocspParty) by(r *revocationtest.OCSPResponse) *revocationtest.OCSPResponse {
	r.Responder, r.Key = p.cert, p.key
	return r
}

func (p *ocspPKI) answer(status int) revocationtest.SingleResponse {
	return revocationtest.SingleResponse{
		Serial: p.leaf.cert.SerialNumber, Status: status, RevokedAt: ocspNow.AddDate(0, 0, -7),
		ThisUpdate: ocspNow.Add(-time.Hour), NextUpdate: ocspNow.Add(time.Hour),
	}
}

// An ocspServer is a Fetcher that answers from a function and remembers what
// it was asked.
type ocspServer struct {
	mu       sync.Mutex
	requests []revocation.Request
	answer   func(r revocation.Request) ([]byte, error)
}

func (s *ocspServer) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	answer := s.answer
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, &revocation.FetchError{URL: r.URL, Err: err}
	}
	if answer == nil {
		return nil, &revocation.FetchError{URL: r.URL, Err: errors.New("unreachable")}
	}
	body, err := answer(r)
	if err != nil {
		return nil, err
	}
	return &revocation.Response{Body: body}, nil
}

func (s *ocspServer) setAnswer(answer func(r revocation.Request) ([]byte, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *ocspServer) asked() []revocation.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// requestNonce returns the nonce of an OCSPRequest, nil if it has none.
func requestNonce(request []byte) (nonce []byte) {
	var r struct {
		TBS struct {
			List       []asn1.RawValue
			Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
		}
	}
	if rest, err := asn1.Unmarshal(request, &r); err != nil || len(rest) > 0 {
		panic("not an OCSPRequest")
	}
	for _, extension := range r.TBS.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}) || extension.Critical {
			panic("not a nonce")
		}
		if rest, err := asn1.Unmarshal(extension.Value, &nonce); err != nil || len(rest) > 0 {
			panic("not a nonce")
		}
	}
	return nonce
}

// answering returns an answer for an ocspServer: r, with the nonce repeated.
func answering(r *revocationtest.OCSPResponse) func(revocation.Request) ([]byte, error) {
	return func(request revocation.Request) ([]byte, error) {
		own := *r
		if request.Body != nil {
			own.Nonce = requestNonce(request.Body)
		}
		return own.DER(), nil
	}
}

func (p *ocspPKI) query() revocation.Query { return revocation.Query{Path: p.path(), At: ocspNow} }

// fetcherFunc is a Fetcher made of a function.
type fetcherFunc func(ctx context.Context, r revocation.Request) (*revocation.Response, error)

func (f fetcherFunc) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	return f(ctx, r)
}

// A handClock stands at ocspNow and a duration that is set. Sources read it in the
// background.
type handClock struct{ ahead atomic.Int64 }

func (c *handClock) now() time.Time { return ocspNow.Add(time.Duration(c.ahead.Load())) }

func (c *handClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// leafAt is the PKI with a leaf that names the responders.
func (p *ocspPKI) leafAt(t *testing.T, responders ...string) *ocspPKI {
	own := *p
	template := *p.leaf.cert
	template.OCSPServer = responders
	own.leaf = ocspIssue(t, &template, testca.EC("leaf"), p.ca)
	return &own
}

// requireResponder requires a good answer, or, if says is not empty, that the
// responder is refused with a text that has it.
func requireResponder(t *testing.T, a revocation.Answer, err error, says string) {
	t.Helper()
	if says == "" {
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
		return
	}
	require.ErrorIs(t, err, revocation.ErrResponder)
	require.ErrorContains(t, err, says)
	require.Zero(t, a)
}
