// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// A claimsDecoder reads the parts of a token. Its buffer is used again.
type claimsDecoder struct{ raw []byte }

var decoders = sync.Pool{New: func() any { return new(claimsDecoder) }}

// object calls do for each member of the JSON object that a part of a token is, but
// for those that are null. What do gets are pieces of one text.
func (d *claimsDecoder) object(part string, do func(name, value string) error) error {
	// The decoder of base64 would skip line breaks.
	if strings.IndexByte(part, '\r') >= 0 || strings.IndexByte(part, '\n') >= 0 {
		return errMalformed
	}
	var err error
	if d.raw, err = strictBase64.AppendDecode(d.raw[:0], []byte(part)); err != nil {
		return errMalformed
	}
	// The grammar, UTF-8, and that no name is there twice, at any depth.
	if !jsontext.Value(d.raw).IsValid() {
		return errMalformed
	}
	m := members{text: string(d.raw)}
	if !m.open() {
		return errMalformed
	}
	for {
		name, value, more := m.next()
		if !more {
			return nil
		}
		if value[0] == 'n' {
			continue
		}
		if name, err = unquoted(name); err != nil {
			return err
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
}

var strictBase64 = base64.RawURLEncoding.Strict()

var errMalformed = errors.New("malformed")

// unquoted returns the text of a JSON string.
func unquoted(value string) (string, error) {
	if value[0] != '"' {
		return "", errMalformed
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", errMalformed
	}
	return string(text), nil
}

// header reads the first part of a token (RFC 7515 section 4).
func (d *claimsDecoder) header(part string) error {
	var algorithm, kind string
	kind = "JWT"
	err := d.object(part, func(name, value string) (err error) {
		switch {
		case name == "alg":
			algorithm, err = unquoted(value)
		case name == "typ":
			kind, err = unquoted(value)
		case strings.EqualFold(name, "crit"), strings.EqualFold(name, "alg"):
			err = errMalformed
		}
		return err
	})
	switch {
	case err != nil:
		return tokenError("", "has a malformed header", nil)
	case algorithm != "none" || !strings.EqualFold(kind, "JWT"):
		return tokenError("", "must have a header of the algorithm none and the type JWT", nil)
	}
	return nil
}

// payload reads the second part of a token into t.
func (d *claimsDecoder) payload(part string, t *Token) error {
	var seen claimsSeen
	err := d.object(part, func(name, value string) error { return seen.claim(t, name, value) })
	if err == errMalformed {
		return tokenError("", "has a malformed payload", nil)
	}
	if err != nil {
		return err
	}
	return seen.finish(t)
}

// claimsSeen are claims that are judged together when all have been read.
type claimsSeen struct {
	scope, requestedScope       string
	organization, otherSpelling string
	texts, resources            bool // identifiers as strings, as resources
}

func (seen *claimsSeen) claim(t *Token, name, value string) (err error) {
	switch name {
	case "iss":
		return textClaim(&t.Issuer, name, value)
	case "sub":
		return textClaim(&t.Subject, name, value)
	case "aud":
		return audienceClaim(t, value)
	case "iat":
		t.IssuedAt, err = numericDate(name, value)
	case "exp":
		t.Expires, err = numericDate(name, value)
	case "nbf":
		t.NotBefore, err = numericDate(name, value)
	case "reason_for_request":
		return textClaim(&t.Reason, name, value)
	case "scope":
		return textClaim(&seen.scope, name, value)
	case "requested_scope":
		return textClaim(&seen.requestedScope, name, value)
	case "requesting_system":
		return textClaim(&t.System, name, value)
	case "requesting_organization", "requesting_organisation":
		into := &seen.organization
		if name == "requesting_organisation" {
			into = &seen.otherSpelling
		}
		if value[0] != '{' {
			seen.texts = true
			return textClaim(into, name, value)
		}
		seen.resources = true
		return organizationResource(into, name, value)
	case "requesting_user":
		seen.texts = true
		return textClaim(&t.User, name, value)
	case "requesting_practitioner":
		seen.resources = true
		return practitionerResource(t, name, value)
	case "requesting_device":
		seen.resources = true
		return deviceResource(t, name, value)
	case "requesting_patient":
		return textClaim(&t.Patient, name, value)
	case "act":
		return actor(t, value)
	default:
		return misspelt(name)
	}
	return err
}

// finish stores what depends on more than one claim.
func (seen *claimsSeen) finish(t *Token) error {
	switch {
	case seen.organization != "" && seen.otherSpelling != "" && seen.organization != seen.otherSpelling:
		return tokenError("requesting_organisation", "differs from requesting_organization", nil)
	case seen.scope != "" && seen.requestedScope != "" && seen.scope != seen.requestedScope:
		return tokenError("requested_scope", "differs from scope", nil)
	case seen.resources && seen.texts:
		return tokenError("requesting_organization", "and who asks are partly identifiers, partly resources", nil)
	}
	t.Resources = seen.resources
	if t.Organization = seen.organization; t.Organization == "" {
		t.Organization = seen.otherSpelling
	}
	if t.Scope = seen.scope; t.Scope == "" {
		t.Scope, t.requestedScope = seen.requestedScope, seen.requestedScope != ""
	}
	return nil
}

// textClaim stores a claim that is a string.
func textClaim(into *string, claim, value string) (err error) {
	if *into, err = unquoted(value); err != nil {
		return tokenError(claim, "is not a string", nil)
	}
	return nil
}

// audienceClaim reads aud: a string, or an array of one (RFC 7519 section 4.1.3).
func audienceClaim(t *Token, value string) error {
	if value[0] != '[' {
		return textClaim(&t.Audience, "aud", value)
	}
	var list []string
	if err := json.Unmarshal([]byte(value), &list); err != nil || len(list) != 1 || list[0] == "" {
		return tokenError("aud", "is not a string or an array of one", nil)
	}
	t.Audience = list[0]
	return nil
}

// numericDate reads a NumericDate (RFC 7519 section 2).
func numericDate(claim, value string) (time.Time, error) {
	if value[0] != '-' && !ascii.Digit(value[0]) {
		return time.Time{}, tokenError(claim, "is not a number", nil)
	}
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil || seconds < 1 || seconds >= 1<<40 {
		return time.Time{}, tokenError(claim, "is not a time of this age", nil)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}

// misspelt refuses a claim that readers which ignore letter case would take for
// one of those known.
func misspelt(name string) error {
	for _, claim := range [...]string{
		"iss", "sub", "aud", "iat", "exp", "nbf", "act", "reason_for_request", "scope", "requested_scope",
		"requesting_system", "requesting_organization", "requesting_organisation", "requesting_user",
		"requesting_patient", "requesting_practitioner", "requesting_device",
	} {
		if len(name) >= len(claim) && strings.EqualFold(name, claim) {
			return tokenError(claim, "is written in other letter case", nil)
		}
	}
	return nil
}

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

// maxToken bounds a token; those of the Spine have about 1 KiB, those of GP
// Connect two.
const maxToken = 8 << 10
