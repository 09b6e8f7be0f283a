// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A scope is what a CRL covers: an issuingDistributionPoint (RFC 5280 section
// 5.2.5). The zero value is that of a CRL without the extension.
type scope struct {
	present        bool
	name           pointName
	userCerts      bool
	caCerts        bool
	attributeCerts bool
	someReasons    bool
	reasons        Reasons // with someReasons
	indirect       bool
}

// readScope reads an IssuingDistributionPoint and returns what is wrong, or "".
func readScope(content cryptobyte.String) (s scope, fault string) {
	const malformed = "the issuingDistributionPoint is not well formed"
	s.present = true
	var fields, flags cryptobyte.String
	if !content.ReadASN1(&fields, asn1.SEQUENCE) || !content.Empty() {
		return s, malformed
	}
	if fields.Empty() {
		return s, "the issuingDistributionPoint is empty"
	}
	var ok [5]bool
	s.name, ok[0] = readPointName(&fields)
	s.userCerts, ok[1] = der.ReadBool(&fields, 1)
	s.caCerts, ok[2] = der.ReadBool(&fields, 2)
	if !fields.ReadOptionalASN1(&flags, &s.someReasons, asn1.Tag(3).ContextSpecific()) {
		return s, malformed
	}
	s.indirect, ok[3] = der.ReadBool(&fields, 4)
	s.attributeCerts, ok[4] = der.ReadBool(&fields, 5)
	if ok != [5]bool{true, true, true, true, true} || !fields.Empty() {
		return s, malformed
	}
	if s.someReasons {
		if s.reasons, ok[0] = readReasons(flags); !ok[0] {
			return s, malformed
		}
	}
	kinds := 0
	for _, only := range []bool{s.userCerts, s.caCerts, s.attributeCerts} {
		if only {
			kinds++
		}
	}
	if kinds > 1 {
		return s, "the issuingDistributionPoint asserts more than one of onlyContainsUserCerts, onlyContainsCACerts and onlyContainsAttributeCerts"
	}
	return s, ""
}

// key is ScopeKey, of a list of an issuer.
func (s *scope) key(issuer string) string {
	if !s.present {
		return ""
	}
	var keys []string
	for _, name := range s.name.names(issuer) {
		keys = append(keys, name.Key())
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	key := fmt.Sprintf("%t %t %t %t %d %t", s.userCerts, s.caCerts, s.attributeCerts, s.someReasons, s.reasons, s.indirect)
	for _, name := range keys {
		key += fmt.Sprintf(" %d %s", len(name), name)
	}
	return key
}
