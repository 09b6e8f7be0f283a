package asid

import "time"

// A Token is what a Spine JWT claims. It is unsigned and proves nothing: it is
// for audit, beside what TLS and the registry have proved.
type Token struct {
	Issuer       string    // iss
	Subject      string    // sub
	Audience     string    // aud
	IssuedAt     time.Time // iat
	Expires      time.Time // exp
	Reason       string    // reason_for_request
	Scope        string    // scope
	System       string    // requesting_system
	Organization string    // requesting_organization
	User         string    // requesting_user; empty if there is none
	Patient      string    // requesting_patient; empty if there is none
	Actor        string    // act.sub; empty if there is none
}
