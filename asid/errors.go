// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"fmt"
	"strings"
)

// A HeaderError is a header that is missing, repeated or malformed, or that
// names another receiver. It is answered with 400 MISSING_OR_INVALID_HEADER.
type HeaderError struct {
	Header string // as the specification writes it, such as fromASID
	Detail string // such as "is missing"
}

func (e *HeaderError) Error() string {
	if e.Header == authorization && e.Detail == missing {
		return "The Authorisation header must be supplied"
	}
	return e.Header + " HTTP Header " + e.Detail
}

// A TokenError is a bearer token that is not a well-formed Spine JWT or that
// disagrees with the rest of its request. It is answered with 400
// MISSING_OR_INVALID_HEADER.
type TokenError struct {
	Claim  string // empty if the fault lies in no single claim
	Detail string
}

func (e *TokenError) Error() string {
	if e.Claim == "" {
		return "the JWT of the Authorization header " + e.Detail
	}
	return "the claim " + e.Claim + " of the JWT in the Authorization header " + e.Detail
}

// A ConnectionError is a connection that does not meet the guidance: no TLS, or
// another version or cipher suite than those it lists. It is answered with 403
// ACCESS_DENIED_SSL.
type ConnectionError struct {
	Detail string
	Err    error // what the Connection hook said, if it failed
}

func (e *ConnectionError) Error() string {
	text := "the connection " + e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what the Connection hook said, or nil.
func (e *ConnectionError) Unwrap() error { return e.Err }

// A RequestError is a request whose method and path amount to no interaction,
// or could be taken for more than one. It is answered with 400 BAD_REQUEST.
type RequestError struct{ Detail string }

func (e *RequestError) Error() string { return "the request " + e.Detail }

// An InteractionError is an ASID that is unknown or lacks the interaction, which
// is answered with 403 ASID_CHECK_FAILED, or an interaction ID that is not that
// of the request, which is answered with 400 MISSING_OR_INVALID_HEADER.
type InteractionError struct {
	ASID        ID
	Interaction InteractionID // claimed, if Err is ErrMismatch; else that of the request
	Err         error         // ErrNotFound, ErrNotAssociated or ErrMismatch
}

func (e *InteractionError) Error() string {
	return fmt.Sprintf("ASID %s, interaction %q: %v", e.ASID, e.Interaction, e.Err)
}

// Unwrap returns the kind of refusal.
func (e *InteractionError) Unwrap() error { return e.Err }

// A BindingError is a client certificate that does not belong to the ASID: none
// of the names it speaks for is registered for that ASID. It is answered with
// 403 ACCESS_DENIED.
type BindingError struct {
	ASID  ID       // zero if the connection has no certificate at all
	FQDNs []string // the names that the certificate speaks for
	Err   error    // why it speaks for none; nil if it does
}

func (e *BindingError) Error() string {
	if e.Err != nil {
		return "the client certificate speaks for no name: " + e.Err.Error()
	}
	// A certificate may hold any number of names.
	names := e.FQDNs[:min(len(e.FQDNs), 5)]
	return fmt.Sprintf("none of the client certificate's names (%s) is registered for ASID %s", strings.Join(names, ", "), e.ASID)
}

// Unwrap returns why the certificate speaks for no name, or nil.
func (e *BindingError) Unwrap() error { return e.Err }

// A RegistryError is a registry, or one system of it, that cannot be used.
type RegistryError struct {
	ASID   ID // zero if the fault lies in no single system
	Detail string
	Err    error // the cause, if there is one
}

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

func (e *ConfigError) Error() string { return e.Field + " " + e.Detail }

// Kinds of refusal, for [errors.Is].
var (
	ErrNotFound      = errors.New("the ASID is unknown")
	ErrNotAssociated = errors.New("the ASID is not associated with the interaction")
	ErrMismatch      = errors.New("the interaction ID is not that of the request")
)

const missing = "is missing"
