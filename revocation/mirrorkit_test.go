// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

const (
	firstPoint  = "http://crl.nhs.uk/lists/1.crl"
	secondPoint = "http://crl.nhs.uk:8080/lists/1.crl" // another host of the same path
	thirdPoint  = "https://ocsp.nhs.uk/lists/3.crl?batch=3"
)

// A mirrorWorld is a Mirror of a CA's lists, on a clock that stands.
type mirrorWorld struct {
	p      *crlPKI
	server *crlServer
	crls   *revocation.CRLs
	mirror *revocation.Mirror
	time   atomic.Int64 // seconds after ocspNow
	serial atomic.Int64 // of the latest certificate
}

func (w *mirrorWorld) now() time.Time {
	return ocspNow.Add(time.Duration(w.time.Load()) * time.Second)
}

func newMirrorWorld(t testing.TB) *mirrorWorld {
	w := &mirrorWorld{p: newCRLPKI(t), server: &crlServer{}}
	w.crls = &revocation.CRLs{Fetcher: w.server, KeepDER: true, Time: w.now}
	w.mirror = &revocation.Mirror{
		CRLs: w.crls, Hosts: revocation.AllowHosts("crl.nhs.uk", "crl.nhs.uk:8080", "crl.nhs.uk:9090", "ocsp.nhs.uk"),
		CAs: func() []*x509.Certificate { return []*x509.Certificate{w.p.ca.cert, w.p.root.cert} },
	}
	require.NoError(t, w.mirror.Validate())
	return w
}

// publish publishes a list of the CA under a URL, which the list names, and returns
// its DER.
func (w *mirrorWorld) publish(url string, change func(*revocationtest.CRL)) []byte {
	list := w.p.ca.crl()
	list.Scope = &revocationtest.Scope{PointName: urls(url)}
	if change != nil {
		change(&list)
	}
	w.server.publish(url, list)
	der, _ := w.server.Fetch(context.Background(), revocation.Request{URL: url})
	w.server.requests()
	return der.Body
}

// leaf returns the path of another certificate with the given extensions.
func (w *mirrorWorld) leaf(t testing.TB, extensions ...pkix.Extension) []*x509.Certificate {
	leaf := ocspIssue(t, &x509.Certificate{
		SerialNumber: big.NewInt(w.serial.Add(1)), Subject: pkix.Name{CommonName: "leaf"}, ExtraExtensions: extensions,
	}, testca.EC("leaf"), w.p.ca)
	return []*x509.Certificate{leaf.cert, w.p.ca.cert, w.p.root.cert}
}

// ask asks about a certificate with the given extensions, which has its lists
// fetched.
func (w *mirrorWorld) ask(t testing.TB, extensions ...pkix.Extension) {
	_, _ = w.crls.Status(t.Context(), revocation.Query{Path: w.leaf(t, extensions...), At: w.now()})
	w.server.requests()
}

// get makes a request with a Host and headers.
func (w *mirrorWorld) get(method, host, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, http.NoBody)
	if host != "" {
		r.Host = host
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.mirror.ServeHTTP(recorder, r)
	return recorder
}

// requireServed requires that a list is served, octet by octet.
func (w *mirrorWorld) requireServed(t testing.TB, der []byte, url string) {
	t.Helper()
	answer := w.get(http.MethodGet, "", url)
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	require.Equal(t, der, answer.Body.Bytes())
}

// requireRefused requires that nothing is served, with a status.
func (w *mirrorWorld) requireRefused(t testing.TB, status int, url string) {
	t.Helper()
	answer := w.get(http.MethodGet, "", url)
	require.Equal(t, status, answer.Code, answer.Body)
	if status == http.StatusServiceUnavailable {
		require.NotEmpty(t, answer.Header().Get("Retry-After"))
	}
}
