// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // hashes that documents may be signed or named with
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// algorithms are the signature algorithms that documents can be signed with.
var algorithms = map[x509.SignatureAlgorithm]struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
	null bool // RSA's AlgorithmIdentifiers have NULL parameters (RFC 4055 section 5)
}{
	x509.SHA1WithRSA:      {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, crypto.SHA1, true},
	x509.SHA256WithRSA:    {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256, true},
	x509.SHA384WithRSA:    {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, crypto.SHA384, true},
	x509.SHA512WithRSA:    {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, crypto.SHA512, true},
	x509.SHA256WithRSAPSS: {oidPSS, crypto.SHA256, false},
	x509.SHA384WithRSAPSS: {oidPSS, crypto.SHA384, false},
	x509.SHA512WithRSAPSS: {oidPSS, crypto.SHA512, false},
	x509.ECDSAWithSHA1:    {asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}, crypto.SHA1, false},
	x509.ECDSAWithSHA256:  {asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, crypto.SHA256, false},
	x509.ECDSAWithSHA384:  {asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, crypto.SHA384, false},
	x509.ECDSAWithSHA512:  {asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, crypto.SHA512, false},
	x509.PureEd25519:      {asn1.ObjectIdentifier{1, 3, 101, 112}, 0, false},
}

var (
	oidPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}

	oidHashes = map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA1:   {1, 3, 14, 3, 2, 26},
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
		crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
		crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
	}
)

// usual returns the algorithm that fits the key when none is asked for.
func usual(key crypto.Signer) x509.SignatureAlgorithm {
	switch key.Public().(type) {
	case *rsa.PublicKey:
		return x509.SHA256WithRSA
	case *ecdsa.PublicKey:
		return x509.ECDSAWithSHA256
	case ed25519.PublicKey:
		return x509.PureEd25519
	}
	panic(fmt.Sprintf("revocationtest: no signature algorithm for a %T", key.Public()))
}

// addAlgorithm writes an AlgorithmIdentifier.
func addAlgorithm(b *cryptobyte.Builder, algorithm x509.SignatureAlgorithm) {
	details, ok := algorithms[algorithm]
	if !ok {
		panic("revocationtest: cannot sign with " + algorithm.String())
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(details.oid)
		switch {
		case details.null:
			b.AddASN1NULL()
		case details.oid.Equal(oidPSS):
			addPSSParameters(b, details.hash)
		}
	})
}

// addPSSParameters writes RSASSA-PSS-params with the salt as long as the hash
// (RFC 4055 section 3.1).
func addPSSParameters(b *cryptobyte.Builder, hash crypto.Hash) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { addHash(b, hash) })
		b.AddASN1(constructed(1), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidMGF1)
				addHash(b, hash)
			})
		})
		b.AddASN1(constructed(2), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(hash.Size())) })
	})
}

// addHash writes the AlgorithmIdentifier of a hash.
func addHash(b *cryptobyte.Builder, hash crypto.Hash) {
	oid, ok := oidHashes[hash]
	if !ok {
		panic("revocationtest: no object identifier for " + hash.String())
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1NULL()
	})
}

// sign returns the signature over tbs, or what is asked for in its place.
func sign(key crypto.Signer, algorithm x509.SignatureAlgorithm, tbs []byte, broken, none bool) []byte {
	if none {
		return nil
	}
	details := algorithms[algorithm]
	var opts crypto.SignerOpts = details.hash
	if details.oid.Equal(oidPSS) {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: details.hash}
	}
	signature, err := crypto.SignMessage(key, rand.Reader, tbs, opts)
	if err != nil {
		panic("revocationtest: " + err.Error())
	}
	if broken {
		signature[len(signature)-1] ^= 1
	}
	return signature
}

// signed returns SEQUENCE { tbs, algorithm, signature, rest }, the form that
// CRLs and OCSP responses share.
func signed(tbs, signature []byte, algorithm x509.SignatureAlgorithm, rest cryptobyte.BuilderContinuation) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			addAlgorithm(b, algorithm)
			b.AddASN1BitString(signature)
			if rest != nil {
				rest(b)
			}
		})
	})
}
