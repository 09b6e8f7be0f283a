// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A lane is a server that shakes hands for as long as a benchmark runs.
type lane struct {
	addr   string
	client *tls.Config
	resume bool
}

func newLane(b *testing.B, client, server *tls.Config, resume bool) *lane {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			conn := tls.Server(raw, server)
			if conn.Handshake() == nil {
				io.Copy(io.Discard, conn)
			}
			conn.Close()
		}
	}()
	b.Cleanup(func() {
		l.Close()
		<-done
	})
	client = dialling(client, providerName)
	client.ClientSessionCache = nil
	if resume {
		client.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	lane := &lane{addr: l.Addr().String(), client: client, resume: resume}
	// The first handshake fills every cache.
	conn, err := tls.Dial("tcp", lane.addr, lane.client)
	require.NoError(b, err)
	conn.Close()
	return lane
}

// shake includes dialling, and the server's part of the handshake: in TLS 1.2
// the client is done last, or the server with nothing left but to read.
func (l *lane) shake(b *testing.B) time.Duration {
	start := time.Now()
	conn, err := tls.Dial("tcp", l.addr, l.client)
	took := time.Since(start)
	if err != nil {
		b.Fatal(err)
	}
	if conn.ConnectionState().DidResume != l.resume {
		b.Fatal("resumption is not as asked for")
	}
	conn.Close()
	return took
}

// checker holds a CRL of each CA, of an ordinary size.
func (s *spine) checker(b *testing.B) *revocation.Checker {
	b.Helper()
	crls := new(revocation.CRLs)
	for _, ca := range []*authority{s.root, s.subCA} {
		list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.AddDate(0, 0, 7)}
		for n := range int64(1000) {
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
				x509.RevocationListEntry{SerialNumber: big.NewInt(1e9 + n), RevocationTime: now.Add(-time.Hour)})
		}
		crl, err := x509.CreateRevocationList(rand.Reader, list, ca.cert, ca.key)
		require.NoError(b, err)
		require.NoError(b, crls.Add(crl))
	}
	return &revocation.Checker{Sources: []revocation.Source{crls}, Time: clock}
}

// BenchmarkHandshake compares mutual TLS with the whole Verifier, revocation by
// CRL included, warm, at both ends, with mutual TLS as crypto/tls verifies it. The lanes take turns, since
// the machine changes its speed by more than what is to be seen; x-plain is the
// ratio of the medians, and x-control that of two plain lanes, for the error.
func BenchmarkHandshake(b *testing.B) {
	s := newSpine(b)
	san := func(name string) tls.Certificate {
		return s.subCA.issue(b, name, func(c *x509.Certificate) { c.DNSNames = []string{name} })
	}
	provider, ssp := san(providerName), san(sspName)
	endpoint := func(own tls.Certificate, peer string) *tlsconfig.Endpoint {
		e := s.endpoint(b, providerName, peer)
		e.Certificate = tlsconfig.StaticCertificate(own)
		e.Verifier.Revocation = s.checker(b)
		e.Suites = []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES256_GCM_SHA384}
		return e
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.root.cert)
	plain := func(own tls.Certificate) *tls.Config {
		return &tls.Config{
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Time: clock,
			CipherSuites: []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)},
			Certificates: []tls.Certificate{own}, NextProtos: []string{"http/1.1"},
			RootCAs: roots, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		}
	}
	for _, resume := range []bool{false, true} {
		name := "full"
		if resume {
			name = "resumed"
		}
		b.Run(name, func(b *testing.B) {
			lanes := []*lane{
				newLane(b, plain(ssp), plain(provider), resume),
				newLane(b, clientConfig(b, endpoint(ssp, providerName)), serverConfig(b, endpoint(provider, sspName)), resume),
				newLane(b, plain(ssp), plain(provider), resume),
			}
			took := make([][]time.Duration, len(lanes))
			for turn := 0; b.Loop(); turn++ {
				for i := range lanes {
					lane := (turn + i) % len(lanes)
					took[lane] = append(took[lane], lanes[lane].shake(b))
				}
			}
			medians := make([]float64, len(lanes))
			for i := range took {
				slices.Sort(took[i])
				medians[i] = float64(took[i][len(took[i])/2])
			}
			b.ReportMetric(medians[1]/1e3, "µs/verified")
			b.ReportMetric(medians[1]/medians[0], "x-plain")
			b.ReportMetric(medians[2]/medians[0], "x-control")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	s := newSpine(b)
	leaf := s.subCA.issue(b, sspName).Leaf
	p := clientPresents(leaf, s.subCA.cert)
	b.Run("warm", func(b *testing.B) {
		v := s.verifier(sspName)
		v.Revocation = tlsconfig.InsecureSkipRevocation{}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			v := s.verifier(sspName)
			v.Pins = pin(b, []*authority{s.root}, []*authority{s.subCA})
			b.StartTimer()
			if _, err := v.Verify(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("warm, with CRLs and by an endpoint", func(b *testing.B) {
		e := s.endpoint(b, providerName, sspName)
		e.Verifier.Revocation = s.checker(b)
		b.ReportAllocs()
		for b.Loop() {
			if err := e.VerifyPeer(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkChoosingTheSuite(b *testing.B) {
	s := newSpine(b)
	cfg := serverConfig(b, s.endpoint(b, providerName, sspName))
	hello := &tls.ClientHelloInfo{CipherSuites: []uint16{
		uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256), uint16(tlsconfig.ECDHE_RSA_AES256_SHA), uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cfg.GetConfigForClient(hello); err != nil {
			b.Fatal(err)
		}
	}
}
