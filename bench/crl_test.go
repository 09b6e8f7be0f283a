// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/security/advancedtls"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

var sizes = []int{1_000, 100_000, 1_000_000}

// A spine is a root, a SubCA and a leaf for both ends of a connection, with a
// CRL of each CA.
type spine struct {
	root, subCA *x509.Certificate
	leaf        tls.Certificate
	arl         []byte
	subCAKey    *rsa.PrivateKey
}

var newSpine = sync.OnceValue(func() *spine {
	rootKey, leafKey := testca.RSA("root"), testca.RSA("leaf")
	s := &spine{subCAKey: testca.RSA("subca")}
	ca := func(cn string, serial int64) *x509.Certificate {
		template := testca.CA(cn, serial)
		template.SubjectKeyId = []byte{byte(serial)}
		return template
	}
	root := ca("Root", 1)
	s.root = issue(root, root, rootKey, rootKey)
	s.subCA = issue(ca("SubCA", 2), s.root, s.subCAKey, rootKey)
	leaf := issue(&x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "peer.nhs.uk"}, DNSNames: []string{"peer.nhs.uk"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, s.subCA, leafKey, s.subCAKey)
	s.leaf = tls.Certificate{Certificate: [][]byte{leaf.Raw, s.subCA.Raw}, PrivateKey: leafKey, Leaf: leaf}
	s.arl = revocationtest.CRL{Issuer: s.root, Key: rootKey}.DER()
	return s
})

func issue(template, issuer *x509.Certificate, key, by *rsa.PrivateKey) *x509.Certificate {
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	return testca.Sign(template, issuer, &key.PublicKey, by)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

var crls sync.Map // int to []byte

// crl returns a CRL of the SubCA with so many entries of 8 octets, in the order
// of chance, one in ten with a reason.
func (s *spine) crl(entries int) []byte {
	if der, ok := crls.Load(entries); ok {
		return der.([]byte)
	}
	list := revocationtest.CRL{Issuer: s.subCA, Key: s.subCAKey}
	for i := range entries {
		var serial [8]byte
		_, _ = rand.Read(serial[:])
		serial[0] = serial[0]&0x7f | 0x40
		entry := revocationtest.Entry{Serial: new(big.Int).SetBytes(serial[:])}
		if i%10 == 0 {
			entry.Reason = revocation.ReasonSuperseded
		}
		list.Entries = append(list.Entries, entry)
	}
	der := list.DER()
	crls.Store(entries, der)
	return der
}

func (s *spine) query() revocation.Query {
	return revocation.Query{Path: []*x509.Certificate{s.leaf.Leaf, s.subCA, s.root}, At: time.Now()}
}

// BenchmarkLoad reads a CRL until a certificate can be looked up in it. The
// signature is verified in "this library" only: the others do that in every
// handshake.
func BenchmarkLoad(b *testing.B) {
	s := newSpine()
	for _, n := range sizes {
		der := s.crl(n)
		load := func(by string, load func(b *testing.B)) {
			b.Run(fmt.Sprintf("entries=%d/%s", n, by), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					load(b)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
			})
		}
		load("SHA-256 alone", func(*testing.B) { sha256.Sum256(der) })
		load("this library", func(b *testing.B) {
			var source revocation.CRLs
			check(source.Add(der))
			answer, err := source.Status(b.Context(), s.query())
			if err != nil || answer.Status != revocation.Good {
				b.Fatal(answer, err)
			}
		})
		load("crypto/x509", func(*testing.B) {
			_, err := x509.ParseRevocationList(der)
			check(err)
		})
		load("advancedtls", func(*testing.B) {
			_, err := advancedtls.NewCRL(der)
			check(err)
		})
	}
}

// BenchmarkHandshake shakes hands in memory, mutually authenticated, TLS 1.2,
// everything warm; what differs is how the server checks the client.
func BenchmarkHandshake(b *testing.B) {
	s := newSpine()
	roots := x509.NewCertPool()
	roots.AddCert(s.root)
	client := &tls.Config{Certificates: []tls.Certificate{s.leaf}, RootCAs: roots, ServerName: "peer.nhs.uk",
		MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}
	plain := &tls.Config{Certificates: []tls.Certificate{s.leaf}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		MaxVersion: tls.VersionTLS12, SessionTicketsDisabled: true,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			shake(b, client, func(conn net.Conn) error { return tls.Server(conn, plain).Handshake() })
		}
	})
	for _, n := range sizes {
		b.Run(fmt.Sprintf("this library/entries=%d", n), func(b *testing.B) {
			source := new(revocation.CRLs)
			check(source.Add(s.crl(n)))
			check(source.Add(s.arl))
			pins, err := tlsconfig.NewPins([]*x509.Certificate{s.root}, []*x509.Certificate{s.subCA})
			check(err)
			end := &tlsconfig.Endpoint{Certificate: tlsconfig.StaticCertificate(s.leaf), Verifier: tlsconfig.Verifier{
				Pins: pins, FQDNs: []string{"peer.nhs.uk"}, Revocation: &revocation.Checker{Sources: []revocation.Source{source}}}}
			config, err := end.ServerConfig()
			check(err)
			mine := client.Clone()
			mine.NextProtos = nil
			for b.Loop() {
				shake(b, mine, func(conn net.Conn) error { return tls.Server(conn, config).Handshake() })
			}
		})
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("advancedtls/entries=%d", n), func(b *testing.B) {
			creds, err := advancedtls.NewServerCreds(&advancedtls.Options{
				IdentityOptions:   advancedtls.IdentityCertificateOptions{Certificates: []tls.Certificate{s.leaf}},
				RootOptions:       advancedtls.RootCertificateOptions{RootCertificates: roots},
				RequireClientCert: true, VerificationType: advancedtls.CertVerification,
				MinTLSVersion: tls.VersionTLS12, MaxTLSVersion: tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
				RevocationOptions: &advancedtls.RevocationOptions{DenyUndetermined: true,
					CRLProvider: advancedtls.NewStaticCRLProvider([][]byte{s.crl(n), s.arl})},
			})
			check(err)
			for b.Loop() {
				shake(b, client, serverHandshake(creds))
			}
		})
	}
}

func serverHandshake(creds credentials.TransportCredentials) func(net.Conn) error {
	return func(conn net.Conn) error {
		_, _, err := creds.ServerHandshake(conn)
		return err
	}
}

func shake(b *testing.B, client *tls.Config, server func(net.Conn) error) {
	near, far := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- server(far) }()
	if err := tls.Client(near, client).HandshakeContext(context.Background()); err != nil {
		b.Fatal(err)
	}
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	near.Close()
	far.Close()
}
