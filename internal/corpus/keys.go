// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"sync"
)

// The keys of the corpus follow from their names, so that it is the same on
// every machine. They protect nothing, since they are published, and are used for
// nothing else: crypto/rsa takes no source of randomness for a reason.

// A stream is an endless sequence of octets that follows from a name.
type stream struct {
	name    string
	counter uint64
	left    []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(s.left) == 0 {
			block := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("nrlsecurity corpus 1 "+s.name+"\x00"), s.counter))
			s.counter++
			s.left = block[:]
		}
		copied := copy(p[n:], s.left)
		s.left = s.left[copied:]
		n += copied
	}
	return len(p), nil
}

var (
	keysMu sync.Mutex
	keys   = map[string]*rsa.PrivateKey{}
)

// key returns the RSA key of a name.
func key(name string, bits int) *rsa.PrivateKey {
	keysMu.Lock()
	defer keysMu.Unlock()
	if keys[name] == nil {
		keys[name] = newKey(&stream{name: name}, bits)
	}
	return keys[name]
}

func newKey(random io.Reader, bits int) *rsa.PrivateKey {
	one, e := big.NewInt(1), big.NewInt(65537)
	for {
		p, q := prime(random, (bits+1)/2), prime(random, bits/2)
		n := new(big.Int).Mul(p, q)
		totient := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, totient)
		if p.Cmp(q) == 0 || n.BitLen() != bits || d == nil {
			continue
		}
		k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}, D: d, Primes: []*big.Int{p, q}}
		k.Precompute()
		return k
	}
}

// prime returns the first prime after a number of the stream with its two top
// bits set. What a small prime divides is passed over: to find the keys is most of the
// time that the corpus takes. That the others are primes needs few rounds, since they
// are random and the same each time.
func prime(random io.Reader, bits int) *big.Int {
	octets := make([]byte, (bits+7)/8)
	io.ReadFull(random, octets)
	p := new(big.Int).SetBytes(octets)
	p.Mod(p, new(big.Int).Lsh(big.NewInt(1), uint(bits)))
	p.SetBit(p, bits-1, 1).SetBit(p, bits-2, 1).SetBit(p, 0, 1)
	small := smallPrimes()
	rests := make([]int, len(small)) // of p by each
	for i, q := range small {
		rests[i] = int(new(big.Int).Mod(p, big.NewInt(int64(q))).Int64())
	}
	for two := big.NewInt(2); ; p.Add(p, two) {
		divided := false
		for i, q := range small {
			divided = divided || rests[i] == 0
			rests[i] = (rests[i] + 2) % q
		}
		if !divided && p.ProbablyPrime(1) {
			return p
		}
	}
}

// smallPrimes returns the odd primes below 10,000.
var smallPrimes = sync.OnceValue(func() (primes []int) {
	var composite [10_000]bool
	for n := 3; n < len(composite); n += 2 {
		if composite[n] {
			continue
		}
		primes = append(primes, n)
		for m := n * n; m < len(composite); m += n {
			composite[m] = true
		}
	}
	return primes
})

// keyFile writes the private key of a leaf, of those that leaves are made with.
func (g *generator) keyFile(public crypto.PublicKey) string {
	keysMu.Lock()
	defer keysMu.Unlock()
	name, private := "leaf ec", crypto.PrivateKey(nil)
	for of, k := range keys {
		if pub, ok := public.(*rsa.PublicKey); ok && k.N.Cmp(pub.N) == 0 {
			name, private = of, k
		}
	}
	if private == nil {
		private = ecKey("leaf")
	}
	var out bytes.Buffer
	out.WriteString("A key of the corpus: it follows from its name and is published. Never use it.\n")
	pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(private))})
	return g.file("keys/"+slug(name)+".pem", out.Bytes())
}

// ecKey returns the P-256 key of a name.
func ecKey(name string) *ecdsa.PrivateKey {
	curve := elliptic.P256()
	octets := make([]byte, 32)
	(&stream{name: name}).Read(octets)
	octets[0] &= 0x7f // below the order
	k, err := ecdsa.ParseRawPrivateKey(curve, octets)
	if err != nil {
		panic("corpus: " + err.Error())
	}
	return k
}
