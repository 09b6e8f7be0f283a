// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// BenchmarkOCSPResponse reads and verifies a response that was never seen
// before, with every check, turn by turn with the bare RSA verifications that
// this takes: one for the CA's own, two for a delegated responder's.
func BenchmarkOCSPResponse(b *testing.B) {
	p := issueOCSPPKI(rsaKey)
	message := []byte("message")
	sum := sha256.Sum256(message)
	signature, err := p.ca.key.Sign(nil, sum[:], crypto.SHA256)
	require.NoError(b, err)
	public := p.ca.cert.PublicKey.(*rsa.PublicKey)

	for _, test := range []struct {
		name     string
		der      []byte
		verifies int
	}{
		{"direct", p.good().DER(), 1},
		{"delegated", p.responder.by(p.good()).DER(), 2},
	} {
		b.Run(test.name, func(b *testing.B) {
			path := p.path()
			var floor, whole time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				for range test.verifies {
					if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature); err != nil {
						b.Fatal(err)
					}
				}
				between := time.Now()
				if err := revocation.JudgeOCSP(test.der, path); err != nil {
					b.Fatal(err)
				}
				whole += time.Since(between)
				floor += between.Sub(start)
			}
			b.ReportMetric(float64(floor.Nanoseconds())/float64(b.N), "floor-ns/op")
			b.ReportMetric(float64(whole.Nanoseconds())/float64(b.N), "judged-ns/op")
			b.ReportMetric(float64(whole)/float64(floor), "x-floor")
		})
	}
}

// BenchmarkOCSPKept asks about certificates whose responses are in memory.
func BenchmarkOCSPKept(b *testing.B) {
	p := issueOCSPPKI(rsaKey)
	const certificates = 4096
	queries := make([]revocation.Query, certificates)
	server := &ocspServer{}
	s := &revocation.OCSP{Fetcher: server, NoNonce: true}
	for i := range queries {
		cert := *p.leaf.cert
		spread := sha256.Sum256(big.NewInt(int64(i)).Bytes())
		cert.SerialNumber = new(big.Int).SetBytes(spread[:16])
		queries[i] = revocation.Query{Path: []*x509.Certificate{&cert, p.ca.cert, p.root.cert}, At: ocspNow}
		server.answer = func(revocation.Request) ([]byte, error) {
			m := p.good()
			m.Answers[0].Serial = cert.SerialNumber
			return m.DER(), nil
		}
		_, err := s.Status(b.Context(), queries[i])
		require.NoError(b, err)
	}
	for _, of := range []int{16, certificates} {
		ask := func(i int) {
			a, err := s.Status(context.Background(), queries[i%of])
			if err != nil || a.Status != revocation.Good || !a.Cached {
				panic("not kept")
			}
		}
		b.Run(fmt.Sprintf("of %d", of), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ask(i)
			}
		})
		b.Run(fmt.Sprintf("of %d, parallel", of), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					ask(i)
				}
			})
		})
	}
}

// BenchmarkCheckerWarm checks a leaf and a SubCA of which everything is known:
// by responses in memory, or by CRLs.
func BenchmarkCheckerWarm(b *testing.B) {
	p := issueOCSPPKI(rsaKey)
	leaf, ca := p.good(), p.good()
	ca.Issuer, ca.Key = p.root.cert, p.root.key
	ca.Answers[0].Serial = p.ca.cert.SerialNumber
	answer := answering(leaf)
	server := &ocspServer{answer: func(r revocation.Request) ([]byte, error) { return answer(r) }}
	source := &revocation.OCSP{Fetcher: server, Responder: "http://ocsp.example/"}
	_, err := source.Status(b.Context(), revocation.Query{Path: p.path(), At: ocspNow})
	require.NoError(b, err)
	answer = answering(ca)
	_, err = source.Status(b.Context(), revocation.Query{Path: p.path()[1:], At: ocspNow})
	require.NoError(b, err)

	crls := &revocation.CRLs{}
	for _, issuer := range []*ocspParty{p.root, p.ca} {
		require.NoError(b, crls.Add(revocationtest.CRL{
			Issuer: issuer.cert, Key: issuer.key, ThisUpdate: ocspNow.Add(-time.Hour), NextUpdate: ocspNow.Add(time.Hour),
		}.DER()))
	}
	none := &revocation.OCSP{}
	for _, test := range []struct {
		name      string
		agreement revocation.Agreement
		sources   []revocation.Source
	}{
		{"OCSP", revocation.FirstAnswer, []revocation.Source{source}},
		{"OCSP and CRLs", revocation.EverySource, []revocation.Source{source, crls}},
		{"CRLs", revocation.FirstAnswer, []revocation.Source{crls}},
		{"no OCSP, so CRLs", revocation.FirstAnswer, []revocation.Source{none, crls}},
		{"floor: a source that answers at once", revocation.FirstAnswer, []revocation.Source{alwaysGood{}}},
	} {
		b.Run(test.name, func(b *testing.B) {
			c := &revocation.Checker{Sources: test.sources, Policy: revocation.Policy{Agreement: test.agreement}, Time: clock}
			chain := p.path()
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Check(context.Background(), chain, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type alwaysGood struct{}

func (alwaysGood) HonoursContext() bool { return true }

func (alwaysGood) Status(context.Context, revocation.Query) (revocation.Answer, error) {
	return revocation.Answer{Status: revocation.Good, ThisUpdate: ocspNow, NextUpdate: ocspNow}, nil
}
