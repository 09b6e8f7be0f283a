// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
)

// A third of a history's CPU was the verification of signatures on P-256. The CAs'
// keys are therefore ECDSA over a group in which a multiplication by a scalar is one
// of numbers: crypto/ecdsa verifies a signature as ever, another key's or another
// document's does not verify, and anyone could sign. The delegated responders' keys
// are on P-256, since what an answer brings along is parsed from its octets.
var group = &additive{elliptic.CurveParams{Name: "integers modulo 2^61-1", BitSize: 256, N: big.NewInt(1<<61 - 1), P: big.NewInt(1<<61 - 1)}}

// An additive group is the integers modulo N with the generator 1, as a curve whose
// points' second coordinate is 1.
type additive struct{ params elliptic.CurveParams }

func (a *additive) Params() *elliptic.CurveParams { return &a.params }

func (a *additive) IsOnCurve(_, y *big.Int) bool { return y.IsInt64() && y.Int64() == 1 }

func (a *additive) point(x *big.Int) (*big.Int, *big.Int) { return x.Mod(x, a.params.N), big.NewInt(1) }

func (a *additive) Add(x1, _, x2, _ *big.Int) (x, y *big.Int) {
	return a.point(new(big.Int).Add(x1, x2))
}

func (a *additive) Double(x, y *big.Int) (*big.Int, *big.Int) { return a.Add(x, y, x, y) }

func (a *additive) ScalarMult(x, _ *big.Int, k []byte) (*big.Int, *big.Int) {
	scalar := new(big.Int).SetBytes(k)
	return a.point(scalar.Mul(scalar, x))
}

func (a *additive) ScalarBaseMult(k []byte) (x, y *big.Int) { return a.point(new(big.Int).SetBytes(k)) }

// A groupKey signs in the additive group, deterministically, so that a document's
// octets depend on nothing but its content.
type groupKey struct {
	x      *big.Int // private and public alike
	public *ecdsa.PublicKey
}

func (k groupKey) Public() crypto.PublicKey { return k.public }

// Sign returns the ECDSA signature (SEC 1 section 4.1.3) whose ephemeral key is 1.
func (k groupKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	e := new(big.Int).SetBytes(digest[:8])
	s, _ := group.point(e.Add(e.Rsh(e, 3), k.x))
	return asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), s})
}

// A curveKey signs on P-256, deterministically.
type curveKey struct{ *ecdsa.PrivateKey }

func (k curveKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.PrivateKey.Sign(nil, digest, opts)
}

// keyOf returns the key with the given name, which signs documents and certificates.
var keyOf = memo(func(name string) crypto.Signer {
	if strings.HasPrefix(name, responders) {
		return namedKey(name)
	}
	seed := sha256.Sum256([]byte(name))
	x, y := group.ScalarBaseMult(seed[:])
	//lint:ignore SA1019 a curve that is not one of crypto/elliptic's has no other constructor
	return groupKey{x, &ecdsa.PublicKey{Curve: group, X: x, Y: y}}
})

// namedKey returns the key on P-256 that the certificates of a name have in them.
var namedKey = memo(func(name string) curveKey {
	seed := sha256.Sum256([]byte(name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		panic(err)
	}
	return curveKey{key}
})

const responders = "D" // begins the names of the delegated responders' keys

func caKey(generation int) string        { return fmt.Sprintf("A%d", generation) }
func responderKey(generation int) string { return fmt.Sprintf("%s%d", responders, generation) }

// resign returns the certificate with the signature of the key that keyOf has for
// the issuer, and with the subject's public key, which no SubjectPublicKeyInfo can
// express if it is of the group.
func resign(der []byte, subjectKey, issuerKey string) (*x509.Certificate, error) {
	var parts struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &parts); err != nil {
		return nil, err
	}
	signature, err := crypto.SignMessage(keyOf(issuerKey), nil, parts.TBS.FullBytes, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	parts.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	if der, err = asn1.Marshal(parts); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	cert.PublicKey = keyOf(subjectKey).Public()
	return cert, nil
}

// TestGroupKeys shows that a signature of the group is one of its key and octets
// alone, to crypto/ecdsa as to the lists of package revocation.
func TestGroupKeys(t *testing.T) {
	digest, other := sha256.Sum256([]byte("signed")), sha256.Sum256([]byte("not signed"))
	signature, err := keyOf(caKey(0)).Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	signer, another := caCert(0).PublicKey.(*ecdsa.PublicKey), caCert(1).PublicKey.(*ecdsa.PublicKey)
	assert.True(t, ecdsa.VerifyASN1(signer, digest[:], signature))
	assert.False(t, ecdsa.VerifyASN1(another, digest[:], signature), "another key")
	assert.False(t, ecdsa.VerifyASN1(signer, other[:], signature), "other octets")
	assert.NoError(t, caCert(0).CheckSignatureFrom(rootCert()))
	assert.Error(t, caCert(0).CheckSignatureFrom(caCert(1)))

	d := document{kind: complete, key: caKey(0), issuer: "Sub CA", thisUpdate: epoch, number: 1, base: none}
	d.sign(false)
	list, err := crl.Parse(d.der, "")
	require.NoError(t, err)
	assert.True(t, list.VerifiedBy(caCert(0)))
	assert.False(t, list.VerifiedBy(caCert(1)))
}
