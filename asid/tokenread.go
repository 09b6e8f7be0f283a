// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A claimsDecoder reads the parts of a token. Its buffers are used again.
type claimsDecoder struct {
	raw     []byte // a part of the token, decoded
	text    string // the same; what a Token has are pieces of it
	input   bytes.Reader
	decoder jsontext.Decoder
}

var decoders = sync.Pool{New: func() any { return new(claimsDecoder) }}

// object calls do for each member of the JSON object that a part of a token is.
func (d *claimsDecoder) object(part string, do func(name string, value jsontext.Value) error) error {
	// The decoder of base64 would skip line breaks.
	if strings.IndexByte(part, '\r') >= 0 || strings.IndexByte(part, '\n') >= 0 {
		return errMalformed
	}
	var err error
	if d.raw, err = base64.RawURLEncoding.Strict().AppendDecode(d.raw[:0], []byte(part)); err != nil {
		return errMalformed
	}
	d.text = string(d.raw)
	d.input.Reset(d.raw)
	d.decoder.Reset(&d.input)
	if token, err := d.decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return errMalformed
	}
	for d.decoder.PeekKind() == '"' {
		raw, err := d.decoder.ReadValue()
		if err != nil {
			return errMalformed
		}
		name, err := d.string(raw)
		if err != nil {
			return err
		}
		value, err := d.decoder.ReadValue()
		if err != nil {
			return errMalformed
		}
		if value.Kind() == 'n' {
			continue
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
	if _, err := d.decoder.ReadToken(); err != nil {
		return errMalformed
	}
	if _, err := d.decoder.ReadToken(); err != io.EOF {
		return errMalformed
	}
	return nil
}

var errMalformed = errors.New("malformed")

// string returns the text of the JSON string that was read last.
func (d *claimsDecoder) string(raw jsontext.Value) (string, error) {
	if raw.Kind() != '"' {
		return "", errMalformed
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		end := int(d.decoder.InputOffset()) - 1
		return d.text[end-len(raw)+2 : end], nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", errMalformed
	}
	return string(text), nil
}

// header reads the first part of a token (RFC 7515 section 4).
func (d *claimsDecoder) header(part string) error {
	var algorithm, kind string
	kind = "JWT"
	err := d.object(part, func(name string, value jsontext.Value) (err error) {
		switch {
		case name == "alg":
			algorithm, err = d.string(value)
		case name == "typ":
			kind, err = d.string(value)
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
	err := d.object(part, func(name string, value jsontext.Value) error { return d.claim(t, &seen, name, value) })
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

func (d *claimsDecoder) claim(t *Token, seen *claimsSeen, name string, value jsontext.Value) (err error) {
	switch name {
	case "iss":
		return d.one(&t.Issuer, name, value)
	case "sub":
		return d.one(&t.Subject, name, value)
	case "aud":
		return d.audience(t, value)
	case "iat":
		t.IssuedAt, err = numericDate(name, value)
	case "exp":
		t.Expires, err = numericDate(name, value)
	case "nbf":
		t.NotBefore, err = numericDate(name, value)
	case "reason_for_request":
		return d.one(&t.Reason, name, value)
	case "scope":
		return d.one(&seen.scope, name, value)
	case "requested_scope":
		return d.one(&seen.requestedScope, name, value)
	case "requesting_system":
		return d.one(&t.System, name, value)
	case "requesting_organization", "requesting_organisation":
		into := &seen.organization
		if name == "requesting_organisation" {
			into = &seen.otherSpelling
		}
		if value.Kind() != '{' {
			seen.texts = true
			return d.one(into, name, value)
		}
		seen.resources = true
		return organizationResource(into, name, value)
	case "requesting_user":
		seen.texts = true
		return d.one(&t.User, name, value)
	case "requesting_practitioner":
		seen.resources = true
		return practitionerResource(t, name, value)
	case "requesting_device":
		seen.resources = true
		return deviceResource(t, name, value)
	case "requesting_patient":
		return d.one(&t.Patient, name, value)
	case "act":
		return actor(t, value)
	default:
		return misspelt(name)
	}
	return err
}

// finish stores what depends on more than one claim.
func (s *claimsSeen) finish(t *Token) error {
	switch {
	case s.organization != "" && s.otherSpelling != "" && s.organization != s.otherSpelling:
		return tokenError("requesting_organisation", "differs from requesting_organization", nil)
	case s.scope != "" && s.requestedScope != "" && s.scope != s.requestedScope:
		return tokenError("requested_scope", "differs from scope", nil)
	case s.resources && s.texts:
		return tokenError("requesting_organization", "and who asks are partly identifiers, partly resources", nil)
	}
	t.Resources = s.resources
	if t.Organization = s.organization; t.Organization == "" {
		t.Organization = s.otherSpelling
	}
	if t.Scope = s.scope; t.Scope == "" || t.Resources && s.requestedScope != "" {
		t.Scope = s.requestedScope
	}
	return nil
}

// one stores a claim that is a string.
func (d *claimsDecoder) one(into *string, claim string, value jsontext.Value) (err error) {
	if *into, err = d.string(value); err != nil {
		return tokenError(claim, "is not a string", nil)
	}
	return nil
}

// audience reads aud: a string, or an array of one (RFC 7519 section 4.1.3).
func (d *claimsDecoder) audience(t *Token, value jsontext.Value) error {
	if value.Kind() != '[' {
		return d.one(&t.Audience, "aud", value)
	}
	var list []string
	if err := json.Unmarshal(value, &list); err != nil || len(list) != 1 || list[0] == "" {
		return tokenError("aud", "is not a string or an array of one", nil)
	}
	t.Audience = list[0]
	return nil
}

// numericDate reads a NumericDate (RFC 7519 section 2).
func numericDate(claim string, value jsontext.Value) (time.Time, error) {
	if value.Kind() != '0' {
		return time.Time{}, tokenError(claim, "is not a number", nil)
	}
	seconds, err := strconv.ParseFloat(string(value), 64)
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
