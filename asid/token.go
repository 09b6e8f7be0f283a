// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Token is what a Spine JWT claims. It is unsigned and proves nothing: it is
// for audit, beside what TLS and the registry have proved.
type Token struct {
	Issuer       string    // iss
	Subject      string    // sub
	Audience     string    // aud
	IssuedAt     time.Time // iat; zero if there is none
	Expires      time.Time // exp; zero if there is none
	Reason       string    // reason_for_request
	Scope        string    // scope
	System       string    // requesting_system
	Organization string    // requesting_organization
	User         string    // requesting_user; empty if there is none
	Patient      string    // requesting_patient; empty if there is none
	Actor        string    // act.sub; empty if there is none
}

// maxToken bounds a token; those of the Spine have about 1 KiB.
const maxToken = 8 << 10

// jose is the header of every Spine JWT.
type jose struct {
	Algorithm string                    `json:"alg"`
	Type      string                    `json:"typ,omitempty"`
	Others    map[string]jsontext.Value `json:",embed"`
}

// payload is the second part of a Spine JWT.
type payload struct {
	Issuer       string                    `json:"iss,omitempty"`
	Subject      string                    `json:"sub,omitempty"`
	Audience     string                    `json:"aud,omitempty"`
	Expires      *int64                    `json:"exp,omitempty"`
	IssuedAt     *int64                    `json:"iat,omitempty"`
	Reason       string                    `json:"reason_for_request,omitempty"`
	Scope        string                    `json:"scope,omitempty"`
	System       string                    `json:"requesting_system,omitempty"`
	Organization string                    `json:"requesting_organization,omitempty"`
	User         string                    `json:"requesting_user,omitempty"`
	Patient      string                    `json:"requesting_patient,omitempty"`
	Actor        *actor                    `json:"act,omitempty"`
	Others       map[string]jsontext.Value `json:",embed"`
}

type actor struct {
	Subject string                    `json:"sub"`
	Others  map[string]jsontext.Value `json:",embed"`
}

// claimNames returns the names of the claims in payload.
func claimNames() []string {
	return []string{"iss", "sub", "aud", "exp", "iat", "reason_for_request", "scope",
		"requesting_system", "requesting_organization", "requesting_user", "requesting_patient", "act"}
}

// ParseToken reads a Spine JWT: at most 8 KiB, alg none, an empty signature,
// base64url without padding, JSON that every reader reads alike (a name twice, a
// claim whose name differs by letter case, null, or a claim of another type is
// refused). A signed token is refused: nothing here could verify it, and what is
// not verified should not look as if it were. Claims that are missing are left
// empty, and claims that it does not know are ignored. The error is a
// [*TokenError].
func ParseToken(s string) (*Token, error) {
	if len(s) > maxToken {
		return nil, &TokenError{Detail: "is larger than 8 KiB"}
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return nil, &TokenError{Detail: "must have the 3 sections"}
	}
	if parts[2] != "" {
		return nil, &TokenError{Detail: "is signed, and the Spine's are not"}
	}
	var header jose
	if !decodePart(parts[0], &header) {
		return nil, &TokenError{Detail: "has a malformed header"}
	}
	if header.Algorithm != "none" || header.Type != "" && header.Type != "JWT" || len(header.Others) > 0 {
		return nil, &TokenError{Detail: "must have a header of the algorithm none and the type JWT, and no more"}
	}
	var p payload
	if !decodePart(parts[1], &p) {
		return nil, &TokenError{Detail: "has a malformed payload"}
	}
	if err := misspelt(p.Others, claimNames()...); err != nil {
		return nil, err
	}
	t := &Token{
		Issuer: p.Issuer, Subject: p.Subject, Audience: p.Audience, Reason: p.Reason, Scope: p.Scope,
		System: p.System, Organization: p.Organization, User: p.User, Patient: p.Patient,
	}
	if p.Actor != nil {
		if err := misspelt(p.Actor.Others, "sub"); err != nil {
			return nil, err
		}
		t.Actor = p.Actor.Subject
	}
	var err error
	if t.IssuedAt, err = numericDate("iat", p.IssuedAt); err != nil {
		return nil, err
	}
	if t.Expires, err = numericDate("exp", p.Expires); err != nil {
		return nil, err
	}
	return t, nil
}

// misspelt refuses a claim that readers which ignore letter case would take for
// one of those known.
func misspelt(others map[string]jsontext.Value, known ...string) error {
	for name := range others {
		for _, claim := range known {
			if strings.EqualFold(name, claim) {
				return &TokenError{Claim: claim, Detail: "is written in other letter case"}
			}
		}
	}
	return nil
}

// numericDate reads the whole seconds that the Spine uses of NumericDate (RFC
// 7519 section 2).
func numericDate(claim string, seconds *int64) (time.Time, error) {
	if seconds == nil {
		return time.Time{}, nil
	}
	if *seconds <= 0 || *seconds >= 1<<40 {
		return time.Time{}, &TokenError{Claim: claim, Detail: "is not a time of this age"}
	}
	return time.Unix(*seconds, 0), nil
}

func decodePart(part string, into any) bool {
	// The decoder would skip line breaks.
	if strings.ContainsAny(part, "\r\n") {
		return false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return false
	}
	return unmarshal(text, into) == nil
}

// encode returns the token as it is sent.
func (p *payload) encode() (string, error) {
	header, err := json.Marshal(jose{Algorithm: "none", Type: "JWT"})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(body) + ".", nil
}
