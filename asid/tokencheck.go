// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// A TokenCheck says how much of a request's bearer token is checked. Tokens are not
// signed, so none of it proves who asks; the token is for audit.
type TokenCheck int

const (
	// TokenDefault is TokenAgreement for an [Authorizer] and TokenForm for a [Gate].
	TokenDefault TokenCheck = iota

	// TokenForm asks for a token that [ParseToken] can read.
	TokenForm

	// TokenClaims asks also for every mandatory claim, in the form that the
	// interaction's tokens have: the times, the scope, which for the NRL's
	// interactions is that of the method, the reason, who asks.
	TokenClaims

	// TokenAgreement asks also that the claims agree with the registry:
	// requesting_system is the sender, and requesting_organization one of its
	// organisations.
	TokenAgreement
)

func (c TokenCheck) valid() bool { return c >= TokenDefault && c <= TokenAgreement }

// or returns c, or zero if c is TokenDefault.
func (c TokenCheck) or(zero TokenCheck) TokenCheck {
	if c == TokenDefault {
		return zero
	}
	return c
}

// tokenRules is what a token is checked by.
type tokenRules struct {
	level       TokenCheck
	interaction InteractionID
	method      string
	audience    string           // empty: not compared
	now         func() time.Time // nil: time.Now
	skew        time.Duration    // as the fields MaxSkew have it
	testIDs     bool
	system      *System // the sender, for TokenAgreement
}

func (by *tokenRules) nrl() bool { return strings.HasPrefix(string(by.interaction), nrlPrefix) }

// tolerance returns by how much clocks may differ.
func (by *tokenRules) tolerance() time.Duration {
	switch {
	case by.skew > 0:
		return by.skew
	case by.skew < 0:
		return 0
	case by.nrl():
		return nrlSkew
	}
	return otherSkew
}

// check says whether the claims are those that the rules ask for.
func (t *Token) check(by *tokenRules) error {
	if by.level <= TokenForm {
		return nil
	}
	if by.level == TokenAgreement && by.system == nil {
		return &RegistryError{Detail: "the sender's system, with which the token must agree, is not known"}
	}
	if t.Resources && by.nrl() {
		return tokenError("requesting_organization", "is a resource, which the NRL's tokens do not have", nil)
	}
	if err := t.checkPresent(); err != nil {
		return err
	}
	if err := t.checkTimes(by); err != nil {
		return err
	}
	if by.audience != "" && t.Audience != by.audience {
		return tokenError("aud", "names another endpoint", nil)
	}
	if err := t.checkSystem(by); err != nil {
		return err
	}
	if err := t.checkOrganization(by); err != nil {
		return err
	}
	if err := t.checkScope(by); err != nil {
		return err
	}
	if t.Resources {
		return t.checkPractitioner()
	}
	return t.checkSubject(by)
}

func (t *Token) checkPresent() error {
	for _, claim := range [...]struct{ name, value string }{
		{"iss", t.Issuer}, {"sub", t.Subject}, {"aud", t.Audience}, {"reason_for_request", t.Reason},
		{"requesting_organization", t.Organization},
	} {
		if claim.value == "" {
			return missingClaim(claim.name)
		}
	}
	switch {
	case t.Scope == "" && t.Resources:
		return missingClaim("requested_scope")
	case t.Scope == "":
		return missingClaim("scope")
	case t.System == "" && !t.Resources:
		return missingClaim("requesting_system")
	case t.Resources && t.Device == "":
		return missingClaim("requesting_device")
	case t.IssuedAt.IsZero():
		return missingClaim("iat")
	case t.Expires.IsZero():
		return missingClaim("exp")
	}
	return nil
}

func missingClaim(name string) error { return tokenError(name, missing, errMissing) }

func (t *Token) checkTimes(by *tokenRules) error {
	now := time.Now
	if by.now != nil {
		now = by.now
	}
	here, skew := now(), by.tolerance()
	earliest, latest := here.Add(-skew), here.Add(skew)
	// wrong names both times, since either clock may be the wrong one.
	wrong := func(claim string, at time.Time, tense string) error {
		return tokenError(claim, fmt.Sprintf("is %s, in the %s: it is %s here, and clocks may differ by %v", inUTC(at), tense, inUTC(here), skew), nil)
	}
	switch {
	case t.IssuedAt.After(latest):
		return wrong("iat", t.IssuedAt, "future")
	case t.NotBefore.After(latest):
		return wrong("nbf", t.NotBefore, "future")
	case !t.Expires.After(earliest):
		return wrong("exp", t.Expires, "past")
	case !t.Expires.After(t.IssuedAt):
		return tokenError("exp", "is not after iat", nil)
	case t.Expires.Sub(t.IssuedAt) > tokenLife:
		return tokenError("exp", "is more than five minutes after iat", nil)
	}
	return nil
}

func inUTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (t *Token) checkSystem(by *tokenRules) error {
	if t.System == "" {
		return nil // checkPresent has allowed it
	}
	parse := ParseID
	if by.testIDs {
		parse = ParseTestID
	}
	digits, found := strings.CutPrefix(t.System, systemPrefix)
	id, err := parse(digits)
	switch {
	case !found || err != nil:
		return tokenError("requesting_system", "is not an ASID with its system", nil)
	case by.system != nil && id != by.system.ASID:
		return tokenError("requesting_system", "is not the system that sends the request", nil)
	}
	return nil
}

func (t *Token) checkOrganization(by *tokenRules) error {
	code, found := strings.CutPrefix(t.Organization, organizationPrefix)
	organization, err := ParseODSCode(code)
	switch {
	case !found || err != nil:
		return tokenError("requesting_organization", "is not an ODS code with its system", nil)
	case by.system != nil && !slices.Contains(by.system.ODS, organization):
		return tokenError("requesting_organization", "is not an organisation of the system that sends the request", nil)
	}
	return nil
}

func (t *Token) checkScope(by *tokenRules) error {
	if t.requestedScope && by.nrl() {
		return missingClaim("scope")
	}
	if !by.nrl() {
		if !plausibleScope(t.Scope) {
			return tokenError("scope", "is not that of a reading or writing", nil)
		}
		return nil
	}
	if want := scope(by.method, by.interaction); t.Scope != want {
		return tokenError("scope", "must be "+want, nil)
	}
	return nil
}

// plausibleScope accepts the forms of SMART on FHIR that the Spine's APIs use,
// such as patient/*.read.
func plausibleScope(s string) bool {
	context, rest, found := strings.Cut(s, "/")
	what, access, dot := strings.Cut(rest, ".")
	return found && dot && (context == "patient" || context == "organization" || context == "user") &&
		(access == "read" || access == "write" || access == "*") &&
		(what == "*" || what != "" && strings.IndexFunc(what, func(r rune) bool { return r > 'z' || !ascii.Letter(byte(r)) }) < 0)
}

// checkSubject looks at who asks: a professional, a citizen or the system.
func (t *Token) checkSubject(by *tokenRules) error {
	subject, reason := t.System, directCare
	switch {
	case t.User != "" && t.Patient != "":
		return tokenError("requesting_patient", "is there beside requesting_user", nil)
	case t.User != "":
		if id, found := strings.CutPrefix(t.User, userPrefix); !found || id == "" || !ascii.Printable(id) {
			return tokenError("requesting_user", "is not an SDS role profile ID with its system", nil)
		}
		subject = t.User
	case t.Patient != "":
		if number, found := strings.CutPrefix(withHTTPS(t.Patient), patientPrefix); !found || !spine.IsNHSNumber(number) {
			return tokenError("requesting_patient", "is not an NHS number with its system", nil)
		}
		subject, reason = t.Patient, patientAccess
	case !mayBeUnattended(by.interaction):
		return missingClaim("requesting_user")
	}
	switch {
	case withHTTPS(t.Subject) != withHTTPS(subject):
		return tokenError("sub", "must match requesting_user, requesting_patient or, with neither, requesting_system", nil)
	case t.Reason != reason:
		return tokenError("reason_for_request", "must be "+reason, nil)
	case t.Actor != "" && t.Patient == "":
		return tokenError("act", "is there without requesting_patient", nil)
	}
	return nil
}

// checkPractitioner looks at who asks in a token of GP Connect's shape.
func (t *Token) checkPractitioner() error {
	switch {
	case t.User == "":
		return missingClaim("requesting_practitioner")
	case !ascii.Printable(t.User):
		return tokenError("requesting_practitioner", "has an identifier that is not printable", nil)
	case t.practitioner == "" || t.Subject != t.practitioner:
		return tokenError("sub", "must be the id of requesting_practitioner", nil)
	case t.Reason != directCare:
		return tokenError("reason_for_request", "must be "+directCare, nil)
	}
	return nil
}
