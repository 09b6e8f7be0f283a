// SPDX-License-Identifier: Apache-2.0

package asid

import "time"

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

	practitioner   string // the id of the resource requesting_practitioner
	requestedScope bool   // Scope is that of requested_scope
}

func tokenError(claim, detail string, cause error) *RequestError {
	return &RequestError{Rule: RuleToken, Claim: claim, Detail: detail, Err: cause}
}
