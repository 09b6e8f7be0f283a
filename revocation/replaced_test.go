// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// Lists that have been replaced for a day are no longer in memory, however many
// answers were given from them.
func TestReplacedListsAreCollected(t *testing.T) {
	const url, days = "http://crl.example/1.crl", 10
	for name, test := range map[string]func(t *testing.T, s *revocation.CRLs, net *network) (replace func(der []byte), stop func()){
		"by Add": func(t *testing.T, s *revocation.CRLs, _ *network) (func([]byte), func()) {
			return func(der []byte) { require.NoError(t, s.Add(der)) }, func() {}
		},
		"by Run": func(t *testing.T, s *revocation.CRLs, net *network) (func([]byte), func()) {
			s.Fetcher = net
			return func(der []byte) {
				net.set(url, func(context.Context, revocation.Request) (*revocation.Response, error) {
					return &revocation.Response{Body: der}, nil
				})
			}, running(t, s.Run)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var collected atomic.Int64
			seen, s := map[[32]byte]bool{}, &revocation.CRLs{}
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				p := newCRLPKI(t)
				replace, stop := test(t, s, newNetwork(map[string]answerer{}))
				for day := range int64(days) {
					serial := leafSerial + day // a client of its own, whose answer stays
					list := revocationtest.CRL{Issuer: p.ca.cert, Key: p.ca.key, Number: day + 1, ThisUpdate: time.Now(), NextUpdate: time.Now().Add(48 * time.Hour)}
					want := revocation.Good
					if day%2 == 0 {
						want, list.Entries = revocation.Revoked, []revocationtest.Entry{{Serial: big.NewInt(serial)}}
					}
					replace(list.DER())
					time.Sleep(2 * time.Hour) // Run looks
					leaf := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "leaf"}}, testca.EC("leaf"), p.ca)
					leaf.cert.Extensions = append(leaf.cert.Extensions, points(at(urls(url))))
					a, err := s.Status(t.Context(), revocation.Query{Path: []*x509.Certificate{leaf.cert, p.ca.cert, p.root.cert}, At: time.Now()})
					require.NoError(t, err)
					require.Equal(t, want, a.Status)
					s.OnCollected(seen, func() { collected.Add(1) })
					time.Sleep(24 * time.Hour)
				}
				stop()
				time.Sleep(time.Minute) // for what has begun to end
			})
			require.Len(t, seen, days)
			// The last one, its predecessor, and the one before, since what is forgotten
			// goes by the latest time that was asked about when a list comes.
			const left = 3
			for deadline := time.Now().Add(time.Minute); collected.Load() < days-left; time.Sleep(time.Millisecond) {
				require.True(t, time.Now().Before(deadline), "of %d lists that were replaced, %d were collected", days-left, collected.Load())
				runtime.GC()
			}
			runtime.KeepAlive(s)
		})
	}
}

// A list that was replaced while Run is going is not kept either if no certificate is asked
// about, as behind a Mirror or in a program that stands by.
func TestReplacedListsAreForgottenWithoutQuestions(t *testing.T) {
	t.Parallel()
	const url, days = "http://crl.example/1.crl", 10
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		p := newCRLPKI(t)
		start := time.Now()
		net := newNetwork(map[string]answerer{url: func(context.Context, revocation.Request) (*revocation.Response, error) {
			day := int64(time.Since(start) / (24 * time.Hour))
			list := p.ca.crl()
			list.Number, list.ThisUpdate, list.NextUpdate = day+1, start.AddDate(0, 0, int(day)), start.AddDate(0, 0, int(day+2))
			return &revocation.Response{Body: list.DER()}, nil
		}})
		s := &revocation.CRLs{Fetcher: net, URLs: []string{url}, Issuers: []*x509.Certificate{p.ca.cert}}
		stop := running(t, s.Run)
		time.Sleep(days * 24 * time.Hour)
		require.LessOrEqual(t, s.KnownCRLs(), 3)
		stop()
		time.Sleep(time.Minute) // for what has begun to end
	})
}

// Nor is an OCSP answer.
func TestReplacedAnswersAreForgottenWithoutQuestions(t *testing.T) {
	t.Parallel()
	p := newOCSPPKI(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		s := &revocation.OCSP{Fetcher: fetcherFunc(func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
			answer := stateAt(p, ocsp.Good, time.Now(), 7*24*time.Hour)
			answer.ProducedAt = time.Now()
			body, err := answering(answer)(r)
			return &revocation.Response{Body: body}, err
		}), Responder: "http://ocsp.example/"}
		stop := running(t, s.Run)
		_, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
		time.Sleep(10 * 24 * time.Hour)
		require.LessOrEqual(t, len(s.State().Answers), 35, "those of a day, of one an hour or somewhat more often")
		stop()
	})
}
