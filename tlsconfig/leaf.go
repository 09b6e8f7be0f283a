// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// The suites authenticate with RSA. crypto/tls itself refuses larger keys,
// since verifying with them is a way to keep a server busy.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// checkValidity says whether cert is valid at now, both ends included (RFC
// 5280 section 4.1.2.5).
func checkValidity(cert *x509.Certificate, now time.Time) *PeerError {
	switch {
	case now.Before(cert.NotBefore):
		return &PeerError{Rule: RuleValidity, Cert: cert,
			Detail: fmt.Sprintf("%q is not valid before %s", clip(cert.Subject.String()), cert.NotBefore.UTC().Format(time.RFC3339))}
	case now.After(cert.NotAfter):
		return &PeerError{Rule: RuleValidity, Cert: cert,
			Detail: fmt.Sprintf("%q expired at %s", clip(cert.Subject.String()), cert.NotAfter.UTC().Format(time.RFC3339))}
	}
	return nil
}

// strongSignature reports whether a certificate is signed with SHA-256 or
// better. MD5, SHA-1 and DSA are refused; Ed25519 is not of TLS 1.2's world.
func strongSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return true
	}
	return false
}

// checkKey wants an RSA key, since all eight suites authenticate with one.
func checkKey(leaf *x509.Certificate) *PeerError {
	key, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		return &PeerError{Rule: RuleKey, Cert: leaf, Detail: fmt.Sprintf("the key is %v, not RSA", leaf.PublicKeyAlgorithm)}
	}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return &PeerError{Rule: RuleKey, Cert: leaf,
			Detail: fmt.Sprintf("the RSA key has %d bits, not %d to %d", bits, minRSABits, maxRSABits)}
	}
	if !soundExponent(key) {
		return &PeerError{Rule: RuleKey, Cert: leaf,
			Detail: fmt.Sprintf("the RSA key has the public exponent %d, which is not odd and at least 3", key.E)}
	}
	return nil
}

// soundExponent refuses keys that are none: RFC 8017 section 3.1 wants an odd
// exponent of at least 3, and with 1 everything is a signature of itself.
func soundExponent(key *rsa.PublicKey) bool { return key.E >= 3 && key.E%2 == 1 }

// checkUsage wants an end-entity certificate that is meant for this end of a
// TLS connection, by name: anyExtendedKeyUsage is a way to say nothing.
func checkUsage(leaf *x509.Certificate, usage x509.ExtKeyUsage) *PeerError {
	refuse := func(detail string) *PeerError {
		return &PeerError{Rule: RuleUsage, Cert: leaf, Detail: detail}
	}
	switch {
	case leaf.IsCA:
		return refuse("the leaf is a CA certificate")
	case leaf.KeyUsage == 0:
		return refuse("there is no keyUsage, or one that names nothing")
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refuse("the keyUsage does not name digitalSignature")
	case leaf.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return refuse("the keyUsage is that of a CA")
	case slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return refuse("the extKeyUsage names anyExtendedKeyUsage")
	}
	switch usage {
	case x509.ExtKeyUsageClientAuth:
		if !slices.Contains(leaf.ExtKeyUsage, usage) {
			return refuse("the extKeyUsage does not name clientAuth")
		}
	case x509.ExtKeyUsageServerAuth:
		if !slices.Contains(leaf.ExtKeyUsage, usage) {
			return refuse("the extKeyUsage does not name serverAuth")
		}
	default:
		return refuse("it was not said whether the peer is a server or a client")
	}
	return nil
}
