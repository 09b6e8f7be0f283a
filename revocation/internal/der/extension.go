// SPDX-License-Identifier: Apache-2.0

package der

import (
	"bytes"
	encodingasn1 "encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Content octets of the object identifiers of the extensions that are
// processed.
const (
	OIDCRLNumber                = "\x55\x1d\x14"
	OIDReasonCode               = "\x55\x1d\x15"
	OIDDeltaCRLIndicator        = "\x55\x1d\x1b"
	OIDIssuingDistributionPoint = "\x55\x1d\x1c"
	OIDCertificateIssuer        = "\x55\x1d\x1d"
	OIDAuthorityKeyIdentifier   = "\x55\x1d\x23"
	OIDFreshestCRL              = "\x55\x1d\x2e"
)

// maxExtensions bounds the extensions of a CRL and of an entry, and so the work
// of finding duplicates.
const maxExtensions = 32

// ReadExtensions reads Extensions, strictly DER: at least one, none twice, and
// critical written only where it is TRUE. It returns what is wrong, or "".
func ReadExtensions(content cryptobyte.String, each func(oid string, critical bool, value cryptobyte.String) (fault string)) string {
	return ReadSomeExtensions(content, maxExtensions, each)
}

// ReadSomeExtensions is ReadExtensions where there may be at most so many, of no
// more than 32.
func ReadSomeExtensions(der cryptobyte.String, most int, each func(oid string, critical bool, value cryptobyte.String) (fault string)) string {
	var list cryptobyte.String
	if !der.ReadASN1(&list, asn1.SEQUENCE) || !der.Empty() || list.Empty() {
		return "extensions are not a non-empty sequence"
	}
	var seen [maxExtensions][]byte
	for n := 0; !list.Empty(); n++ {
		if n == min(most, maxExtensions) {
			return "more extensions than are read"
		}
		var extension, oid, value cryptobyte.String
		critical := false
		if !list.ReadASN1(&extension, asn1.SEQUENCE) ||
			!extension.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !validObjectIdentifier(oid) {
			return "an extension is not well formed"
		}
		if extension.PeekASN1Tag(asn1.BOOLEAN) {
			if !extension.ReadASN1Boolean(&critical) || !critical {
				return "an extension's critical flag is not DER"
			}
		}
		if !extension.ReadASN1(&value, asn1.OCTET_STRING) || !extension.Empty() {
			return "an extension is not well formed"
		}
		for _, other := range seen[:n] {
			if bytes.Equal(other, oid) {
				return "an extension is there twice"
			}
		}
		seen[n] = oid
		if fault := each(string(oid), critical, value); fault != "" {
			return fault
		}
	}
	return ""
}

// validObjectIdentifier says whether the content octets are those of an object
// identifier: every arc ends, and none starts with padding.
func validObjectIdentifier(b []byte) bool {
	start := true
	for _, c := range b {
		if start && c == 0x80 {
			return false
		}
		start = c < 0x80
	}
	return len(b) > 0 && start
}

// ReadBool reads an OPTIONAL or DEFAULT FALSE boolean with an implicit tag. In
// DER it is there only if it is TRUE.
func ReadBool(s *cryptobyte.String, tag uint8) (value, ok bool) {
	var content cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&content, &present, asn1.Tag(tag).ContextSpecific()) {
		return false, false
	}
	return present, !present || len(content) == 1 && content[0] == 0xff
}

// ReadNumber reads a CRLNumber that is all of s (RFC 5280 section 5.2.3): zero
// or more, and at most 20 octets. The result is never nil.
func ReadNumber(s cryptobyte.String) (*big.Int, bool) {
	number := new(big.Int)
	if !s.ReadASN1Integer(number) || !s.Empty() || number.Sign() < 0 || number.BitLen() > 20*8 {
		return nil, false
	}
	return number, true
}

// OIDString returns the dotted form of an object identifier's content
// octets.
func OIDString(content string) string {
	var b cryptobyte.Builder
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(content)) })
	der, err := b.Bytes()
	var oid encodingasn1.ObjectIdentifier
	if input := cryptobyte.String(der); err != nil || !input.ReadASN1ObjectIdentifier(&oid) {
		return fmt.Sprintf("%x", content)
	}
	return oid.String()
}

// Integer returns the number with the given content octets of an INTEGER.
func Integer(content []byte) *big.Int {
	n := new(big.Int).SetBytes(content)
	if len(content) > 0 && content[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(content))))
	}
	return n
}

// IntegerContent returns the content octets of n as a DER INTEGER.
func IntegerContent(n *big.Int) []byte {
	if n.Sign() >= 0 {
		b := n.Bytes()
		if len(b) == 0 || b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	// The two's complement of -m is that of its complement, m-1, with every bit
	// inverted.
	complement := IntegerContent(new(big.Int).Not(n))
	for i := range complement {
		complement[i] = ^complement[i]
	}
	return complement
}
