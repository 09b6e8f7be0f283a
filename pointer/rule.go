// SPDX-License-Identifier: Apache-2.0

package pointer

// A Rule names what a change was refused for. It is the word of the log's key
// rule, and it is the same whatever the caller is told.
type Rule string

// The rules, in the order in which they are applied, and what they are answered
// with.
const (
	// RuleRequest is a method, path, query or header that amounts to no change of
	// a pointer, or could be taken for more than one: 400 BAD_REQUEST.
	RuleRequest Rule = "request"
	// RuleMediaType is a body's Content-Type that is missing, repeated, in another spelling, not one of
	// FHIR's, in another charset than UTF-8 or compressed, or an answer asked for
	// in a format that is not served: 415 UNSUPPORTED_MEDIA_TYPE.
	RuleMediaType Rule = "media-type"
	// RuleBody is a body that is not well formed, or too large: 400
	// INVALID_REQUEST_MESSAGE.
	RuleBody Rule = "body"
	// RuleResource is a body that is well formed, but has an element that is not
	// what the specification asks for, or that two readers could read differently,
	// or a patient about whom the store cannot be asked: 400 INVALID_RESOURCE.
	RuleResource Rule = "resource"
	// RuleInteraction is a system that is not assured for the interaction: 403
	// ASID_CHECK_FAILED.
	RuleInteraction Rule = "interaction"
	// RuleOwner is a pointer, new or stored, whose custodian is not an organisation
	// of the caller's: 400 INVALID_RESOURCE; as RuleNotFound if the pointer is
	// stored and Guard.Disclose is not set.
	RuleOwner Rule = "owner"
	// RuleNotFound is a stored pointer that is not there: 404 NO_RECORD_FOUND, or
	// 400 INVALID_RESOURCE if a relatesTo names it.
	RuleNotFound Rule = "not-found"
	// RuleAmbiguous is a subject and identifier that several stored pointers have;
	// answered as RuleNotFound.
	RuleAmbiguous Rule = "ambiguous"
	// RuleRelatesTo is a relatesTo that is not the one of a supersede, or leads to a
	// pointer of another patient or master identifier: 400 INVALID_RESOURCE.
	RuleRelatesTo Rule = "relates-to"
	// RuleNotCurrent is an update or supersede of a pointer that is not current: 400
	// BAD_REQUEST.
	RuleNotCurrent Rule = "not-current"
	// RuleDuplicate is a create of a masterIdentifier that the patient has already:
	// 400 DUPLICATE_REJECTED.
	RuleDuplicate Rule = "duplicate"
	// RuleVersion is an If-Match that does not name the stored pointer's version:
	// 412 BAD_REQUEST.
	RuleVersion Rule = "version"
	// RuleConflict is a pointer that has changed since it was judged, or that the store
	// refuses to make, or to change in the version that it has: 409 BAD_REQUEST.
	RuleConflict Rule = "conflict"
	// RuleResolver is a [Resolver] that failed or answered what was not asked for:
	// 500 INTERNAL_SERVER_ERROR.
	RuleResolver Rule = "resolver"
	// RuleStore is a store behind a [Forward] that failed or that answered what
	// cannot be handed back: 502 INTERNAL_SERVER_ERROR.
	RuleStore Rule = "store"
	// RuleUnavailable is a store that is busy or down and says so: 503
	// INTERNAL_SERVER_ERROR, with its Retry-After.
	RuleUnavailable Rule = "unavailable"
)
