// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/stage"
)

// User is the SDS role profile ID of the professional in whose name the requests
// of this package are made.
const User = "555021935107"

// NewRequest returns a request to an NRL-like server whose ASID is self, as an
// [asid.Authorizer] gets it: the headers and the token that an [asid.Transport]
// of sys adds, and the TLS state of a connection with a certificate for the
// first of its FQDNs, as [Peers] takes it. target is a path or an https URL. NewRequest panics if sys
// has no ODS code or no FQDN, and if the request amounts to no interaction.
func NewRequest(method, target string, sys asid.System, self asid.ID) *http.Request {
	return newRequest(method, target, &sys, &asid.Transport{To: self})
}

// NewSSPRequest returns a request for a record as an [asid.Gate] gets it from
// the SSP: sent by sys to the provider self, over a connection with the SSP's
// certificate, whose name is ssp. It panics if sys has no ODS code.
func NewSSPRequest(target string, sys asid.System, self asid.ID, ssp string) *http.Request {
	sys.FQDNs = []string{ssp}
	return newRequest(http.MethodGet, target, &sys, &asid.Transport{
		To: self, Protocol: asid.SSP,
	})
}

// WithBody gives a request of this package a body, and returns it: r's other
// fields stay as they are.
func WithBody(r *http.Request, contentType, body string) *http.Request {
	r.Header.Set("Content-Type", contentType)
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(body))
	return r
}

func newRequest(method, target string, sys *asid.System, t *asid.Transport) *http.Request {
	if len(sys.ODS) == 0 || len(sys.FQDNs) == 0 {
		panic("asidtest: the system needs an ODS code and an FQDN")
	}
	if strings.HasPrefix(target, "/") {
		target = "https://nrl.test" + target
	}
	var sent *http.Request
	t.From = sys.ASID
	t.Claims = asid.Claims{Organization: sys.ODS[0], User: User}
	t.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	})
	resp, err := t.RoundTrip(httptest.NewRequest(method, target, nil))
	if err != nil {
		panic("asidtest: " + err.Error())
	}
	resp.Body.Close()
	sent.TLS = &tls.ConnectionState{
		Version:           tls.VersionTLS12,
		HandshakeComplete: true,
		CipherSuite:       tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		PeerCertificates:  []*x509.Certificate{stage.Certificate(sys.FQDNs[0])},
	}
	return sent
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
