// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	systemPrefix       = "https://fhir.nhs.uk/Id/accredited-system|"
	organizationPrefix = "https://fhir.nhs.uk/Id/ods-organization-code|"
	userPrefix         = "https://fhir.nhs.uk/Id/sds-role-profile-id|"
	patientPrefix      = "https://fhir.nhs.net/Id/nhs-number|"

	directCare    = "directcare"
	patientAccess = "patientaccess"

	// tokenLife is the longest that the Spine allows.
	tokenLife = 5 * time.Minute
)

// Claims are what the Spine JWT of a request says about who asks, and why. With
// neither User nor Patient the request is unattended, which the NRL allows only
// where a provider maintains its pointers.
type Claims struct {
	Organization ODSCode // that asks; one of the sender's; required
	User         string  // SDS role profile ID of the professional who asks
	Patient      string  // NHS number of the citizen who asks, 10 digits; not together with User
	Actor        string  // act.sub, when a citizen acts for another; only with Patient
	Issuer       string  // URI of the sender; empty: its requesting_system
	Audience     string  // URL of the endpoint; empty: scheme and host of the request's URL
	Reason       string  // for the request; empty: directcare, or patientaccess with Patient
}

// token makes the JWT for a request of the system from.
func (c *Claims) token(from ID, r *http.Request, interaction InteractionID, now time.Time) (string, error) {
	switch {
	case c.Organization.IsZero():
		return "", &ConfigError{Field: "Claims.Organization", Detail: missing}
	case c.User != "" && c.Patient != "":
		return "", &ConfigError{Field: "Claims", Detail: "must not have both User and Patient"}
	case c.Actor != "" && c.Patient == "":
		return "", &ConfigError{Field: "Claims.Actor", Detail: "is for citizens and needs Patient"}
	case c.Patient != "" && (len(c.Patient) != 10 || strings.Trim(c.Patient, "0123456789") != ""):
		return "", &ConfigError{Field: "Claims.Patient", Detail: "is not 10 digits"}
	case strings.ContainsAny(c.User, "| "):
		return "", &ConfigError{Field: "Claims.User", Detail: "is not an SDS role profile ID"}
	}
	issued := now.Unix()
	expires := issued + int64(tokenLife/time.Second)
	p := &payload{
		Issuer:       c.Issuer,
		Audience:     c.Audience,
		IssuedAt:     &issued,
		Expires:      &expires,
		Reason:       c.Reason,
		Scope:        scope(r.Method, interaction),
		System:       systemPrefix + from.String(),
		Organization: organizationPrefix + c.Organization.String(),
	}
	p.Subject = p.System
	if p.Issuer == "" {
		p.Issuer = p.System
	}
	if p.Audience == "" {
		p.Audience = r.URL.Scheme + "://" + r.URL.Host
	}
	if p.Reason == "" {
		p.Reason = directCare
	}
	switch {
	case c.User != "":
		p.User = userPrefix + c.User
		p.Subject = p.User
	case c.Patient != "":
		p.Patient = patientPrefix + c.Patient
		p.Subject = p.Patient
		if c.Reason == "" {
			p.Reason = patientAccess
		}
		if c.Actor != "" {
			p.Actor = &actor{Subject: c.Actor}
		}
	}
	return p.encode()
}

// scope returns the claim of that name: reading or writing, of pointers on the
// NRL and of anything through the SSP.
func scope(method string, interaction InteractionID) string {
	what, access := "patient/*.", "write"
	switch interaction {
	case DocumentReferenceRead, DocumentReferenceSearch, DocumentReferenceCreate, DocumentReferenceUpdate, DocumentReferenceDelete:
		what = "patient/DocumentReference."
	}
	if method == http.MethodGet || method == http.MethodHead {
		access = "read"
	}
	return what + access
}

// agreement is what a token is compared with.
type agreement struct {
	caller   *Caller
	method   string
	audience string // empty: not compared
	now      time.Time
	skew     time.Duration
}

// check says whether the claims are those that the Spine asks for and agree with
// the request that carries them.
func (t *Token) check(a agreement) error {
	for _, claim := range []struct{ name, value string }{
		{"iss", t.Issuer}, {"sub", t.Subject}, {"aud", t.Audience}, {"reason_for_request", t.Reason},
		{"scope", t.Scope}, {"requesting_system", t.System}, {"requesting_organization", t.Organization},
	} {
		if claim.value == "" {
			return &TokenError{Claim: claim.name, Detail: missing}
		}
	}
	if err := t.checkTimes(a); err != nil {
		return err
	}
	if a.audience != "" && t.Audience != a.audience {
		return &TokenError{Claim: "aud", Detail: "names another endpoint"}
	}
	if t.System != systemPrefix+a.caller.System.ASID.String() {
		return &TokenError{Claim: "requesting_system", Detail: "is not the system that sends the request"}
	}
	code, found := strings.CutPrefix(t.Organization, organizationPrefix)
	organization, err := ParseODSCode(code)
	if !found || err != nil || !slices.Contains(a.caller.System.ODS, organization) {
		return &TokenError{Claim: "requesting_organization", Detail: "is not an organisation of the system that sends the request"}
	}
	if t.Scope != scope(a.method, a.caller.Interaction) {
		return &TokenError{Claim: "scope", Detail: "is not that of the interaction"}
	}
	return t.checkSubject(a.caller.Interaction)
}

func (t *Token) checkTimes(a agreement) error {
	switch {
	case t.IssuedAt.IsZero():
		return &TokenError{Claim: "iat", Detail: missing}
	case t.Expires.IsZero():
		return &TokenError{Claim: "exp", Detail: missing}
	case t.IssuedAt.After(a.now.Add(a.skew)):
		return &TokenError{Claim: "iat", Detail: "is in the future"}
	case !t.Expires.After(a.now.Add(-a.skew)):
		return &TokenError{Claim: "exp", Detail: "is in the past"}
	case !t.Expires.After(t.IssuedAt):
		return &TokenError{Claim: "exp", Detail: "is not after iat"}
	case t.Expires.Sub(t.IssuedAt) > tokenLife:
		return &TokenError{Claim: "exp", Detail: "is more than five minutes after iat"}
	}
	return nil
}

// checkSubject looks at who asks: a professional, a citizen or the system.
func (t *Token) checkSubject(interaction InteractionID) error {
	subject, reason := t.System, directCare
	switch {
	case t.User != "" && t.Patient != "":
		return &TokenError{Claim: "requesting_patient", Detail: "is there beside requesting_user"}
	case t.User != "":
		if id, found := strings.CutPrefix(t.User, userPrefix); !found || id == "" {
			return &TokenError{Claim: "requesting_user", Detail: "is not an SDS role profile ID"}
		}
		subject = t.User
	case t.Patient != "":
		if number, found := strings.CutPrefix(t.Patient, patientPrefix); !found || len(number) != 10 || strings.Trim(number, "0123456789") != "" {
			return &TokenError{Claim: "requesting_patient", Detail: "is not an NHS number"}
		}
		subject, reason = t.Patient, patientAccess
	default:
		switch interaction {
		case DocumentReferenceCreate, DocumentReferenceUpdate, DocumentReferenceDelete:
		default:
			return &TokenError{Claim: "requesting_user", Detail: missing}
		}
	}
	switch {
	case t.Subject != subject:
		return &TokenError{Claim: "sub", Detail: "must match requesting_user, requesting_patient or, with neither, requesting_system"}
	case t.Reason != reason:
		return &TokenError{Claim: "reason_for_request", Detail: "must be " + reason}
	case t.Actor != "" && t.Patient == "":
		return &TokenError{Claim: "act", Detail: "is there without requesting_patient"}
	}
	return nil
}
