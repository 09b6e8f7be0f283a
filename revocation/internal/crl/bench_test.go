// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
)

// A largeList is the DER of a CRL with many entries of random serials, one in ten
// of them with a reason.
type largeList struct {
	der     []byte
	serials [][]byte // content octets
	issuer  *x509.Certificate
}

type largeSize struct{ entries, width int }

var largeLists sync.Map // largeSize to func() *largeList

func makeLargeList(size largeSize) *largeList {
	made, _ := largeLists.LoadOrStore(size, sync.OnceValue(func() *largeList {
		key, template := testca.RSA("benchmark"), testca.CA("Benchmark CA", 1)
		template.SubjectKeyId, template.NotBefore, template.NotAfter = []byte{1}, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		l := &largeList{issuer: testca.Sign(template, nil, &key.PublicKey, key)}
		random := mathrand.NewChaCha8([32]byte{byte(size.width), byte(size.entries)})
		now := time.Now().Truncate(time.Second)
		list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
		for i := range size.entries {
			serial := make([]byte, size.width)
			_, _ = random.Read(serial)
			serial[0] = serial[0]&0x7f | 0x40 // as many octets as asked for
			l.serials = append(l.serials, serial)
			entry := x509.RevocationListEntry{
				SerialNumber: new(big.Int).SetBytes(serial), RevocationTime: now.Add(-time.Duration(random.Uint64()%100_000_000) * time.Second),
			}
			if i%10 == 0 {
				entry.ReasonCode = 4
			}
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, entry)
		}
		var err error
		l.der, err = x509.CreateRevocationList(rand.Reader, list, l.issuer, key)
		must(err)
		return l
	}))
	return made.(func() *largeList)()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func perEntry(b *testing.B, entries int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(entries), "ns/entry")
	b.ReportMetric(0, "ns/op")
}

var benchSizes = []largeSize{{1_000, 8}, {100_000, 8}, {1_000_000, 8}, {1_000_000, 16}, {1_000_000, 20}}

func (s largeSize) String() string { return fmt.Sprintf("entries=%d/serial=%d", s.entries, s.width) }

// forms are the ways to read a list.
var forms = map[string]func([]byte, string) (*List, error){"list": Parse, "in place": ParseInPlace}

// BenchmarkLoad loads a list: read, indexed, hashed, its signature verified. The
// floor is SHA-256 of the bytes and one RSA verification. Run it with
// GOMAXPROCS=1 and 2: with two, the hash is made beside the reading.
func BenchmarkLoad(b *testing.B) {
	for _, size := range benchSizes {
		l := makeLargeList(size)
		b.Run(size.String()+"/floor", func(b *testing.B) {
			key := l.issuer.PublicKey.(*rsa.PublicKey)
			for b.Loop() {
				digest := sha256.Sum256(l.der)
				_ = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], l.der[len(l.der)-256:])
			}
			perEntry(b, size.entries)
		})
		for name, parse := range forms {
			b.Run(size.String()+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					list, err := parse(l.der, "benchmark")
					if err != nil || !list.VerifiedBy(l.issuer) {
						b.Fatal("not read", err)
					}
				}
				perEntry(b, size.entries)
			})
		}
	}
}

// BenchmarkLoadPEM loads a file of one PEM block beside the same list in DER.
func BenchmarkLoadPEM(b *testing.B) {
	l := makeLargeList(largeSize{1_000_000, 20})
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.der})
	for name, data := range map[string][]byte{"der": l.der, "pem": text} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				blocks, err := Split(data, 1)
				must(err)
				for _, der := range blocks {
					_, err := Parse(der, "benchmark")
					must(err)
				}
			}
		})
	}
}

// chase returns a walk over all of so many octets, a cache line at a time, in which
// each line says where the next one is: a step takes as long as memory takes to answer.
func chase(octets int) (step func()) {
	type line [8]uint64
	lines := make([]line, octets/64)
	order := mathrand.Perm(len(lines))
	for i, at := range order {
		lines[at][0] = uint64(order[(i+1)%len(order)])
	}
	at := uint64(0)
	return func() { at = lines[at][0] }
}

// BenchmarkLookUp looks up serials that are listed and others, in an index that has
// been searched all over before, against a Go map of the serials. The floor is one read
// of memory of the size of the list's DER that must wait for the one before it.
// How long a look-up of a listed serial takes depends most on how much of the list other
// programs leave in the cache: compare it with the floor and the map of the same run.
func BenchmarkLookUp(b *testing.B) {
	for _, size := range benchSizes {
		l := makeLargeList(size)
		b.Run(size.String()+"/floor", func(b *testing.B) {
			step := chase(len(l.der))
			for b.Loop() {
				step()
			}
		})
		lists := map[string]*List{}
		for name, parse := range forms {
			list, err := parse(l.der, "benchmark")
			must(err)
			for _, serial := range l.serials { // parts are ordered when they are first searched
				list.entries.find(serial, 0)
			}
			lists[name] = list
		}
		m := make(map[string]int32, len(l.serials))
		for i, serial := range l.serials {
			m[string(serial)] = int32(i)
		}
		for _, asked := range []struct {
			name    string
			another int // every so many is not listed; zero: none
		}{{"half", 2}, {"listed", 0}, {"others", 1}} {
			queries := make([][]byte, 1<<18)
			room := make([]byte, len(queries)*size.width)
			for i := range queries {
				serial := room[i*size.width:][:size.width:size.width]
				copy(serial, l.serials[mathrand.IntN(len(l.serials))])
				if asked.another != 0 && i%asked.another == 0 {
					binary.LittleEndian.PutUint32(serial[size.width-4:], mathrand.Uint32())
				}
				queries[i] = serial
			}
			for name, list := range lists {
				b.Run(size.String()+"/"+asked.name+"/"+name, func(b *testing.B) {
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						list.entries.find(queries[i&(1<<18-1)], 0)
						i++
					}
				})
			}
			b.Run(size.String()+"/"+asked.name+"/map", func(b *testing.B) {
				i := 0
				for b.Loop() {
					_ = m[string(queries[i&(1<<18-1)])]
					i++
				}
			})
		}
	}
}

// BenchmarkRetained reports what a list holds on to beside its DER, for each of its
// entries.
func BenchmarkRetained(b *testing.B) {
	for _, size := range benchSizes {
		l := makeLargeList(size)
		for name, parse := range forms {
			b.Run(size.String()+"/"+name, func(b *testing.B) {
				var before, after runtime.MemStats
				for b.Loop() {
					runtime.GC()
					runtime.ReadMemStats(&before)
					list, err := parse(l.der, "benchmark")
					must(err)
					runtime.GC()
					runtime.ReadMemStats(&after)
					runtime.KeepAlive(list)
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(size.entries), "B/entry")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
