// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// Claims are what the Spine JWT of a request says about who asks, and why. With
// neither User nor Patient the request is unattended, which the NRL allows only
// where a provider maintains its pointers.
type Claims struct {
	Organization ODSCode // that asks; one of the sender's; required
	User         string  // SDS role profile ID of the professional who asks
	Patient      string  // NHS number of the citizen who asks; not together with User
	Actor        string  // act.sub, when a citizen acts for another; only with Patient
	Issuer       string  // URI of the sender; empty: its requesting_system
	Audience     string  // URL of the endpoint; empty: scheme and host of the record's or request's URL
	Reason       string  // for the request; empty: directcare, or patientaccess with Patient
}

// token makes the JWT for a request of the system from.
func (c *Claims) token(from ID, r *http.Request, interaction InteractionID, now time.Time) (string, error) {
	switch {
	case c.User == "" && c.Patient == "" && !mayBeUnattended(interaction):
		return "", &ConfigError{Field: "Claims", Detail: "must have User or Patient: a retrieval or search cannot be unattended"}
	case c.Organization.IsZero():
		return "", &ConfigError{Field: "Claims.Organization", Detail: missing}
	case c.User != "" && c.Patient != "":
		return "", &ConfigError{Field: "Claims", Detail: "must not have both User and Patient"}
	case c.Actor != "" && c.Patient == "":
		return "", &ConfigError{Field: "Claims.Actor", Detail: "is for citizens and needs Patient"}
	case c.Patient != "" && !spine.IsNHSNumber(c.Patient):
		return "", &ConfigError{Field: "Claims.Patient", Detail: "is not an NHS number"}
	case strings.ContainsAny(c.User, "| ") || !ascii.Printable(c.User):
		return "", &ConfigError{Field: "Claims.User", Detail: "is not an SDS role profile ID"}
	}
	issued := now.Unix()
	expires := issued + int64(tokenLife/time.Second)
	p := &writtenClaims{
		Issuer:       c.Issuer,
		Audience:     c.Audience,
		IssuedAt:     issued,
		Expires:      expires,
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
			p.Actor = &claimedActor{Subject: c.Actor}
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return encodeToken(text), nil
}

// writtenClaims are the second part of a Spine JWT as it is sent.
type writtenClaims struct {
	Issuer       string        `json:"iss,omitempty"`
	Subject      string        `json:"sub,omitempty"`
	Audience     string        `json:"aud,omitempty"`
	Expires      int64         `json:"exp"`
	IssuedAt     int64         `json:"iat"`
	Reason       string        `json:"reason_for_request,omitempty"`
	Scope        string        `json:"scope,omitempty"`
	System       string        `json:"requesting_system,omitempty"`
	Organization string        `json:"requesting_organization,omitempty"`
	User         string        `json:"requesting_user,omitempty"`
	Patient      string        `json:"requesting_patient,omitempty"`
	Actor        *claimedActor `json:"act,omitempty"`
}

type claimedActor struct {
	Subject string `json:"sub"`
}
