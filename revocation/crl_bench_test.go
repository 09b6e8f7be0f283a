// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A largeCRL is a CRL with many entries of random serials, one in ten of them
// with a reason, and a chain that it is about.
type largeCRL struct {
	der   []byte
	chain []*x509.Certificate
	key   *rsa.PrivateKey
}

type largeSize struct{ entries, width int }

var largeCRLs sync.Map // largeSize to func() *largeCRL

func makeLargeCRL(entries, width int) *largeCRL {
	made, _ := largeCRLs.LoadOrStore(largeSize{entries, width}, sync.OnceValue(func() *largeCRL {
		key, template := testca.RSA("benchmark"), testca.CA("Benchmark CA", 1)
		template.SubjectKeyId = []byte{1}
		ca := benchCertificate(template, nil, key)
		leaf := benchCertificate(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}}, ca, key)
		l := &largeCRL{chain: []*x509.Certificate{leaf, ca}, key: key}
		random := mathrand.NewChaCha8([32]byte{byte(width), byte(entries)})
		now := time.Now().Truncate(time.Second)
		crl := revocationtest.CRL{Issuer: ca, Key: key}
		for i := range entries {
			serial := make([]byte, width)
			_, _ = random.Read(serial)
			serial[0] = serial[0]&0x7f | 0x40 // as many octets as asked for
			entry := revocationtest.Entry{
				Serial: new(big.Int).SetBytes(serial),
				Date:   now.Add(-time.Duration(random.Uint64()%100_000_000) * time.Second),
			}
			if i%10 == 0 {
				entry.Reason = revocation.ReasonSuperseded
			}
			crl.Entries = append(crl.Entries, entry)
		}
		l.der = crl.DER()
		return l
	}))
	return made.(func() *largeCRL)()
}

func benchCertificate(template, issuer *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	return testca.Sign(template, issuer, &key.PublicKey, key)
}

func perEntry(b *testing.B, entries int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(entries), "ns/entry")
	b.ReportMetric(0, "ns/op")
}

var benchSizes = []largeSize{{1_000, 8}, {100_000, 8}, {1_000_000, 8}, {1_000_000, 16}, {1_000_000, 20}}

// BenchmarkLoad loads a CRL: read, indexed, hashed, its signature verified and
// one certificate looked up. The floor is SHA-256 of the bytes and one RSA
// verification; crypto/x509 reads and verifies, and finds nothing.
func BenchmarkLoad(b *testing.B) {
	for _, size := range benchSizes {
		l := makeLargeCRL(size.entries, size.width)
		name := fmt.Sprintf("entries=%d/serial=%d/", size.entries, size.width)
		b.Run(name+"floor", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				digest := sha256.Sum256(l.der)
				_ = rsa.VerifyPKCS1v15(&l.key.PublicKey, crypto.SHA256, digest[:], l.der[len(l.der)-256:])
			}
			perEntry(b, size.entries)
		})
		b.Run(name+"CRLs", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var crls revocation.CRLs
				if err := crls.Add(l.der); err != nil {
					b.Fatal(err)
				}
				answer, err := crls.Status(b.Context(), revocation.Query{Path: l.chain, At: time.Now()})
				if err != nil || answer.Status != revocation.Good {
					b.Fatal(answer, err)
				}
			}
			perEntry(b, size.entries)
		})
		b.Run(name+"x509", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, err := x509.ParseRevocationList(l.der)
				if err != nil {
					b.Fatal(err)
				}
				if err := list.CheckSignatureFrom(l.chain[1]); err != nil {
					b.Fatal(err)
				}
			}
			perEntry(b, size.entries)
		})
	}
}

// BenchmarkCRLsWarm asks about a certificate that has been asked about before,
// with a CRL that was added and with one that was fetched.
func BenchmarkCRLsWarm(b *testing.B) {
	p := issueCRLPKI(rsaKey)
	const url = "http://crl.example/1.crl"
	path := p.leaf(b, points(at(urls(url))))
	server := &crlServer{}
	server.publish(url, p.ca.crl())
	added := crlsOf(b, p.ca.crl())
	fetched := &revocation.CRLs{Fetcher: server, Time: clock}
	for name, crls := range map[string]*revocation.CRLs{"added": added, "fetched": fetched} {
		q := revocation.Query{Path: path, At: ocspNow}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if answer, err := crls.Status(b.Context(), q); err != nil || answer.Status != revocation.Good {
					b.Fatal(answer, err)
				}
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = crls.Status(b.Context(), q)
				}
			})
		})
	}
}

// BenchmarkCheckWarmCRLs checks a chain of a leaf and a CA by CRLs.
func BenchmarkCheckWarmCRLs(b *testing.B) {
	p := issueCRLPKI(rsaKey)
	path := p.leaf(b)
	checker := &revocation.Checker{Sources: []revocation.Source{crlsOf(b, p.ca.crl(), p.root.crl())}, Time: clock}
	b.ReportAllocs()
	for b.Loop() {
		if err := checker.Check(b.Context(), path, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkColdStart asks a CRLs that knows nothing about a certificate: with a list
// that is fetched from a server of this process and merged into the Cache, and with one
// that is in the Cache.
func BenchmarkColdStart(b *testing.B) {
	for _, width := range []int{8, 20} {
		l := makeLargeCRL(1_000_000, width)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(l.der)))
			_, _ = w.Write(l.der)
		}))
		defer server.Close()
		to, err := url.Parse(server.URL)
		if err != nil {
			b.Fatal(err)
		}
		fetcher := &revocation.HTTPFetcher{Hosts: revocation.AllowHosts("crl.example"), Rewrite: func(*url.URL) (*url.URL, error) { return to, nil }}
		cache := revocation.DirCache(b.TempDir())
		for _, name := range []string{"fetched", "cached"} { // the first puts it into the Cache
			b.Run(fmt.Sprintf("serial=%d/%s", width, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					crls := revocation.CRLs{URLs: []string{"http://crl.example/1.crl"}, Cache: cache}
					if name == "fetched" {
						crls.Fetcher = fetcher
					}
					if a, err := crls.Status(b.Context(), revocation.Query{Path: l.chain, At: time.Now()}); err != nil || a.Status != revocation.Good {
						b.Fatal(a, err)
					}
					b.StopTimer()
					crls.Settle()
					b.StartTimer()
				}
			})
		}
	}
}
