// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"fmt"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// A RequestError is a request that a rule refuses. Unwrap gives the cause, such
// as [ErrNotFound] or what a [PeerSource] said.
type RequestError struct {
	Rule        Rule          // empty: RuleRequest
	ASID        ID            // of the sender; zero if it is not known
	Interaction InteractionID // claimed, for ErrMismatch; else that of the request; empty if it is not known
	Header      string        // as the specification writes it, such as fromASID; empty if the fault lies in none
	Claim       string        // of the token; empty if the fault lies in no single claim
	Detail      string        // what was found and what was wanted
	Err         error         // the cause; nil if Detail says it all
}

// Error names the header, claim or ASID concerned. For a missing claim, and for a
// token that is not there or has not its three sections, it is the text that the
// NHS's pages publish. What a peer source said is left out.
func (e *RequestError) Error() string {
	switch e.Rule {
	case RulePeer:
		return "the peer " + e.Detail
	case RuleToken:
		return e.headerText()
	case RuleHeader:
		if e.Err != ErrMismatch {
			return e.headerText()
		}
		return e.interactionText()
	case RuleBinding:
		return "the client certificate " + e.Detail
	case RuleASID, RuleInteraction:
		return e.interactionText()
	}
	return "the request " + e.Detail
}

func (e *RequestError) interactionText() string {
	return fmt.Sprintf("ASID %s, interaction %q: %v", e.ASID, ascii.Cut(string(e.Interaction), maxURN), e.Err)
}

func (e *RequestError) headerText() string {
	switch {
	case e.Claim != "" && e.Err == errMissing:
		return "The mandatory claim " + e.Claim + " from the JWT associated with the Authorisation header is missing"
	case e.Claim != "":
		return "the claim " + e.Claim + " of the JWT in the Authorization header " + e.Detail
	case e.Header == authorization && e.Err == errMissing:
		return "The Authorisation header must be supplied"
	case e.Header != "":
		return e.Header + " HTTP Header " + e.Detail
	case e.Err == errSections:
		return "The JWT associated with the Authorisation header must have the 3 sections"
	}
	return "the JWT of the Authorization header " + e.Detail
}

// Unwrap returns the cause.
func (e *RequestError) Unwrap() error { return e.Err }

// A RegistryError is a registry, or one system of it, that cannot be used.
type RegistryError struct {
	ASID   ID // zero if the fault lies in no single system
	Detail string
	Err    error // the cause, if there is one
}

// Error names the ASID concerned, if there is one.
func (e *RegistryError) Error() string {
	text := "registry: "
	if !e.ASID.IsZero() {
		text = "registry, ASID " + e.ASID.String() + ": "
	}
	text += e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *RegistryError) Unwrap() error { return e.Err }

// A RedirectError is a redirect that a [Transport] does not follow.
type RedirectError struct{ Host string }

// Error names the host.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("the redirect to host %q is not followed: the ASIDs and the token are not meant for it", e.Host)
}

// A ConfigError is an [Authorizer], [Gate], [Transport] or other part of a
// program that lacks what it cannot do without, or is told what cannot be. On a
// server it is answered with 500: the fault is not the sender's.
type ConfigError struct {
	Field  string // such as "Authorizer.Registry"
	Detail string
}

// Error names the field.
func (e *ConfigError) Error() string { return e.Field + " " + e.Detail }

// Kinds of refusal, for [errors.Is].
var (
	ErrNotFound      = errors.New("the ASID is unknown")
	ErrNotAssociated = errors.New("the ASID is not associated with the interaction")
	ErrMismatch      = errors.New("the interaction ID is not that of the request")

	// ErrNoOrganization is for a [SenderRegistry] that was given no organisation.
	ErrNoOrganization = errors.New("the token names no organisation")
)

// Causes that have a text or a status of their own.
var (
	errMissing  = errors.New("it is missing")
	errSections = errors.New("it has not three sections")
	errForm     = errors.New("the body is a form")
)

// Details that errors share.
const (
	missing     = "is missing"
	noSuchValue = "has a value that there is not"
)

const authorization = "Authorization"

// outermost returns the first error of this package in err's chain. What it wraps,
// such as what a registry or a peer source failed with, is not the sender's doing,
// whatever its type.
func outermost(err error) error {
	for ; err != nil; err = errors.Unwrap(err) {
		switch err.(type) {
		case *RequestError, *RegistryError, *ConfigError:
			return err
		}
	}
	return nil
}

// errorText is the text of err for the log, with what a peer source said.
func errorText(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*RequestError](err); ok && e.Rule == RulePeer && e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}
