// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// readVersion reads the optional version, which is v1 whether it is there or not.
func readVersion(data *cryptobyte.String) bool {
	var wrapped cryptobyte.String
	var has bool
	var version int64
	return data.ReadOptionalASN1(&wrapped, &has, asn1.Tag(0).ContextSpecific().Constructed()) &&
		(!has || wrapped.ReadASN1Integer(&version) && wrapped.Empty() && version == 0)
}

// readExtensions reads the Extensions under the tag [1], if there are any. It
// refuses a critical one that known does not take.
func readExtensions(input *cryptobyte.String, known func(oid string, value cryptobyte.String) bool) error {
	var list cryptobyte.String
	var has bool
	if !input.ReadOptionalASN1(&list, &has, asn1.Tag(1).ContextSpecific().Constructed()) {
		return der.Malformed("extensions")
	}
	if !has {
		return nil
	}
	kind := der.ErrMalformed
	fault := der.ReadExtensions(list, func(oid string, critical bool, value cryptobyte.String) string {
		if known(oid, value) || !critical {
			return ""
		}
		kind = der.ErrUnhandledCritical
		return "extension " + der.OIDString(oid)
	})
	if fault != "" {
		return &der.Error{Kind: kind, Detail: fault}
	}
	return nil
}

// readTime reads a GeneralizedTime in the only form that RFC 5280 section
// 4.1.2.5.2 allows, YYYYMMDDHHMMSSZ.
func readTime(input *cryptobyte.String, out *time.Time) bool {
	if !input.PeekASN1Tag(asn1.GeneralizedTime) {
		return false
	}
	seconds, ok := der.ReadTime(input)
	*out = der.Time(seconds)
	return ok
}
