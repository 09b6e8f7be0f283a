// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
)

// A Fingerprint is the SHA-256 of a certificate's DER, or of its
// SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
type Fingerprint [sha256.Size]byte

// ParseFingerprint accepts 64 hexadecimal digits.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	if len(s) != 2*len(f) {
		return f, fmt.Errorf("a SHA-256 is %d hexadecimal digits, not %d characters", 2*len(f), len(s))
	}
	if _, err := hex.Decode(f[:], []byte(s)); err != nil {
		return Fingerprint{}, fmt.Errorf("a SHA-256 has hexadecimal digits only: %w", err)
	}
	return f, nil
}

// String returns the hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

func keyFingerprint(cert *x509.Certificate) Fingerprint {
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo)
}
