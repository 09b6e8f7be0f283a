// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// TestMirrorOutlivesWhatItIsFedWith: whatever its own source answers with, the last
// good list is served, octet by octet, and the next one as soon as it is there.
func TestMirrorOutlivesWhatItIsFedWith(t *testing.T) {
	t.Parallel()
	ca := ocspIssue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: []byte("CA"), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
	}, testca.EC("ca"), nil)
	const named = "http://crl.nhs.uk/crlc7.crl"
	point := func(change func(*revocationtest.CRL)) []byte {
		list := revocationtest.CRL{Issuer: ca.cert, Key: ca.key, Number: 5, ThisUpdate: time.Now().Add(-time.Hour), Scope: &revocationtest.Scope{PointName: urls(named)}}
		if change != nil {
			change(&list)
		}
		return list.DER()
	}
	var answer atomic.Pointer[http.HandlerFunc]
	put := func(h http.HandlerFunc) { answer.Store(&h) }
	list := func(der []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(der) }
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answer.Load())(w, r) }))
	t.Cleanup(upstream.Close)
	other := ocspIssue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte("CA"),
	}, testca.EC("other"), nil)
	good := point(nil)

	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		says   string // in the log
	}{
		{"another CA's list", list(point(func(l *revocationtest.CRL) {
			l.Issuer, l.Key, l.Number, l.ThisUpdate = other.cert, other.key, 9, time.Now()
		})), "does not verify"},
		{"another partition's list", list(point(func(l *revocationtest.CRL) { l.Number, l.Scope.URLs = 9, []string{"http://crl.nhs.uk/crlc8.crl"} })), "distribution point"},
		{"yesterday's list", list(point(func(l *revocationtest.CRL) { l.Number, l.ThisUpdate = 4, time.Now().Add(-25*time.Hour) })), "older"},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Sign in to continue.")) }, "a web page"},
		{"a truncated list", list(good[:len(good)/2]), "malformed"},
		{"a connection that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(good)
		}, "unexpected EOF"},
		{"200 MB", func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "too large"},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "later", http.StatusBadGateway) }, "502"},
		{"not modified for ever", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, "not modified"},
	} {
		t.Run(test.name, func(t *testing.T) {
			put(list(good))
			var log testenv.Log
			var hours atomic.Int64
			now := func() time.Time { return time.Now().Add(time.Duration(hours.Load()) * time.Hour) }
			crls := &revocation.CRLs{KeepDER: true, Time: now, MaxBytes: 1 << 20, Logger: slog.New(slog.NewTextHandler(&log, nil)), Fetcher: &revocation.HTTPFetcher{
				Rewrite: revocation.RewriteHost(upstream.URL),
			}}
			mirror := &revocation.Mirror{CRLs: crls, CAs: func() []*x509.Certificate { return []*x509.Certificate{ca.cert} }}
			leaf := ocspIssue(t, &x509.Certificate{
				SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "leaf"}, ExtraExtensions: []pkix.Extension{points(at(urls(named)))},
				NotBefore: time.Now().AddDate(0, 0, -1), NotAfter: time.Now().AddDate(0, 1, 0),
			}, testca.EC("leaf"), ca)
			path := []*x509.Certificate{leaf.cert, ca.cert}
			// look has the URL looked at an hour later.
			look := func() {
				hours.Add(2)
				_, _ = crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
			}
			served := func() []byte {
				recorder := httptest.NewRecorder()
				mirror.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, named, nil))
				return recorder.Body.Bytes()
			}
			look()
			require.Eventually(t, func() bool { return bytes.Equal(good, served()) }, time.Minute, time.Millisecond)

			put(test.answer)
			look()
			require.Eventually(t, func() bool { return strings.Contains(log.String(), test.says) }, 30*time.Second, time.Millisecond, &log)
			assert.Equal(t, good, served())
			assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())

			next := point(func(l *revocationtest.CRL) { l.Number, l.ThisUpdate = 6, time.Now() })
			put(list(next))
			look()
			require.Eventually(t, func() bool { return bytes.Equal(next, served()) }, 30*time.Second, time.Millisecond)
		})
	}
}
