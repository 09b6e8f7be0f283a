// SPDX-License-Identifier: Apache-2.0

// Package stage puts handlers to the test with the requests of the corpus: what
// they are made with, requests that show how far they came, and what is to be
// answered.
package stage

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A Stage is what a handler under test is made with. It is changed from request
// to request, so that there is only one at a time.
type Stage struct {
	down atomic.Bool
	now  atomic.Int64
	all  asid.Registry
}

// New returns a stage with the corpus's registry.
func New() *Stage {
	data, err := testdata.FS.ReadFile("registry.json")
	if err != nil {
		panic("stage: " + err.Error())
	}
	registry, err := asid.ReadRegistry(bytes.NewReader(data))
	if err != nil {
		panic("stage: " + err.Error())
	}
	return &Stage{all: registry}
}

// Time is the clock, which stands at the time of the case.
func (s *Stage) Time() time.Time { return time.Unix(s.now.Load(), 0) }

var errDown = errors.New("the directory is out of reach")

// Lookup implements [asid.Registry].
func (s *Stage) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	if s.down.Load() {
		return nil, errDown
	}
	return s.all.Lookup(ctx, id)
}

// Down has every look-up fail until the function that it returns is called.
func (s *Stage) Down() (up func()) {
	s.down.Store(true)
	return func() { s.down.Store(false) }
}

// Peer implements [asid.PeerSource]: the first certificate of r.TLS, or the
// refusal that RefusePeer put into the request.
func (s *Stage) Peer(r *http.Request) (*x509.Certificate, error) {
	if err, ok := r.Context().Value(peerKey{}).(*peerError); ok {
		return nil, err
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, errors.New("the request has no peer certificate")
	}
	return r.TLS.PeerCertificates[0], nil
}

type peerKey struct{}

// A peerError is a peer that is refused for good.
type peerError struct{ rule string }

func (e *peerError) Error() string       { return "peer refused by rule " + e.rule }
func (e *peerError) PeerRule() string    { return e.rule }
func (*peerError) CloseConnection() bool { return true }

// RefusePeer returns the request with a peer that is refused by the rule.
func RefusePeer(r *http.Request, rule string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), peerKey{}, &peerError{rule}))
}

// Request returns the request of a case, over a connection whose peer has the
// certificate that the case names, and sets the clock for it.
func (s *Stage) Request(c *testdata.Request, body string) (*http.Request, error) {
	r, err := c.NewRequest(body)
	if err != nil {
		return nil, err
	}
	s.now.Store(c.At.Unix())
	r.RemoteAddr = "192.0.2.1:1234"
	r.TLS = &tls.ConnectionState{
		Version: tls.VersionTLS12, HandshakeComplete: true, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		PeerCertificates: []*x509.Certificate{Certificate(c.FQDN)},
	}
	return r, nil
}

// Certificate returns one that no CA has signed: its issuer is judged
// in handshakes, which requests without a network never had.
func Certificate(fqdn string) *x509.Certificate {
	commonName := asn1.ObjectIdentifier{2, 5, 4, 3}
	return &x509.Certificate{Subject: pkix.Name{
		CommonName: fqdn,
		Names:      []pkix.AttributeTypeAndValue{{Type: commonName, Value: fqdn}},
	}}
}
