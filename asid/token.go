// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"encoding/base64"
	"strings"
	"time"
)

// A Token is what a Spine JWT claims. It is unsigned and proves nothing: it is
// for audit, beside what TLS and the registry have proved.
//
// The NRL's tokens have identifiers as strings, such as
// https://fhir.nhs.uk/Id/ods-organization-code|RR8; GP Connect's have FHIR
// resources. Of a resource the Token has the identifier, in the same form.
type Token struct {
	Issuer       string    // iss
	Subject      string    // sub
	Audience     string    // aud
	IssuedAt     time.Time // iat; zero if there is none
	Expires      time.Time // exp; zero if there is none
	NotBefore    time.Time // nbf; zero if there is none
	Reason       string    // reason_for_request
	Scope        string    // scope; GP Connect's: requested_scope
	System       string    // requesting_system
	Organization string    // requesting_organization
	User         string    // requesting_user; GP Connect's: requesting_practitioner; empty if there is none
	Patient      string    // requesting_patient; empty if there is none
	Actor        string    // act.sub; empty if there is none
	Device       string    // GP Connect's: requesting_device; empty if there is none

	Resources bool // the token is of GP Connect's shape

	practitioner string // the id of the resource requesting_practitioner
}

const (
	// maxToken bounds a token; those of the Spine have about 1 KiB, those of GP
	// Connect two.
	maxToken = 8 << 10

	// unsignedHeader is {"alg":"none","typ":"JWT"}, as most senders write it.
	unsignedHeader = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
)

// ParseToken reads a Spine JWT, the NRL's or GP Connect's: at most 8 KiB, alg
// none, an empty signature, base64url without padding, and JSON that every reader
// reads alike (a name twice, a claim whose name differs by letter case or one of
// another type is refused). A signed token is refused: nothing here could verify
// it, and what is not verified should not look as if it were.
//
// Claims that are missing or null are left empty, and claims and header members
// that are not known are ignored, but for crit (RFC 7515 section 4.1.11). aud may
// be an array of one; times may have fractions and exponents (RFC 7519 sections 2
// and 4.1.3). The error is a [*RequestError] of RuleToken.
func ParseToken(s string) (*Token, error) {
	if len(s) > maxToken {
		return nil, tokenError("", "is larger than 8 KiB", nil)
	}
	header, rest, _ := strings.Cut(s, ".")
	payload, signature, three := strings.Cut(rest, ".")
	if !three || strings.Contains(signature, ".") {
		return nil, tokenError("", "must have the 3 sections", errSections)
	}
	if signature != "" {
		return nil, tokenError("", "is signed, and the Spine's are not", nil)
	}
	d := decoders.Get().(*claimsDecoder)
	defer decoders.Put(d)
	if header != unsignedHeader {
		if err := d.header(header); err != nil {
			return nil, err
		}
	}
	t := new(Token)
	if err := d.payload(payload, t); err != nil {
		return nil, err
	}
	return t, nil
}

func tokenError(claim, detail string, cause error) *RequestError {
	return &RequestError{Rule: RuleToken, Claim: claim, Detail: detail, Err: cause}
}

// encodeToken returns the token of a payload as it is sent.
func encodeToken(payload []byte) string {
	return unsignedHeader + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}
