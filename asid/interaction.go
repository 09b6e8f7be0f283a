// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// An InteractionID is the URN of one action that a system may be assured for.
// It is compared byte by byte, as the Spine does, not by the equivalence of RFC
// 8141 section 3.
type InteractionID string

// The interactions of the NRL, and that of retrieving a record from its
// provider. A supersede is a create.
const (
	DocumentReferenceRead        InteractionID = "urn:nhs:names:services:nrl:DocumentReference.read"
	DocumentReferenceSearch      InteractionID = "urn:nhs:names:services:nrl:DocumentReference.search"
	DocumentReferenceCreate      InteractionID = "urn:nhs:names:services:nrl:DocumentReference.create"
	DocumentReferenceUpdate      InteractionID = "urn:nhs:names:services:nrl:DocumentReference.update"
	DocumentReferencePatch       InteractionID = "urn:nhs:names:services:nrl:DocumentReference.patch" // an update, as the directory has it
	DocumentReferenceDelete      InteractionID = "urn:nhs:names:services:nrl:DocumentReference.delete"
	DocumentReferenceContentRead InteractionID = "urn:nhs:names:services:nrl:DocumentReference.content.read"
)

// ofPointers reports whether the interaction is one of the NRL itself.
func ofPointers(id InteractionID) bool {
	switch id {
	case DocumentReferenceRead, DocumentReferenceSearch, DocumentReferenceCreate, DocumentReferenceUpdate, DocumentReferencePatch, DocumentReferenceDelete:
		return true
	}
	return false
}

// maxURN bounds an interaction ID; RFC 8141 names no limit, and those of the
// Spine have less than 100 bytes.
const maxURN = 255

// ParseInteractionID accepts any URN that is well formed by RFC 8141 section 2,
// up to 255 bytes, whatever its namespace, but for those with an asterisk, a
// parenthesis or an encoded NUL: directories read them as part of their query's
// syntax (RFC 4515 section 3).
func ParseInteractionID(s string) (InteractionID, error) {
	switch id := InteractionID(s); id {
	case DocumentReferenceRead, DocumentReferenceSearch, DocumentReferenceCreate, DocumentReferenceUpdate,
		DocumentReferencePatch, DocumentReferenceDelete, DocumentReferenceContentRead:
		return id, nil // well formed, and what nearly all requests have
	}
	if len(s) > maxURN {
		return "", fmt.Errorf("the interaction ID has %d bytes, more than %d", len(s), maxURN)
	}
	if len(s) < 4 || !strings.EqualFold(s[:4], "urn:") {
		return "", errors.New("the interaction ID is not a URN")
	}
	if strings.ContainsAny(s, "*()") || strings.Contains(s, "%00") {
		return "", errors.New("the interaction ID has a character that directories give a meaning")
	}
	nid, rest, found := strings.Cut(s[4:], ":")
	if !found || !namespace(nid) {
		return "", errors.New("the interaction ID has no well-formed URN namespace")
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	if !pchars(fragment, "/?") {
		return "", errors.New("the interaction ID has a malformed fragment")
	}
	nss, components, found := strings.Cut(rest, "?")
	if nss == "" || nss[0] == '/' || !pchars(nss, "/") {
		return "", errors.New("the interaction ID has a malformed namespace-specific string")
	}
	if found && !resolution(components) {
		return "", errors.New("the interaction ID has malformed components")
	}
	return InteractionID(s), nil
}

// namespace checks a NID: (alphanum) 0*30(ldh) (alphanum).
func namespace(nid string) bool {
	if len(nid) < 2 || len(nid) > 32 || nid[0] == '-' || nid[len(nid)-1] == '-' {
		return false
	}
	for i := 0; i < len(nid); i++ {
		if !ascii.Alphanumeric(nid[i]) && nid[i] != '-' {
			return false
		}
	}
	return true
}

// resolution checks what follows the first question mark: a component for
// resolvers ("+...") and one for the resource ("=..."), at least one of them and
// in that order.
func resolution(s string) bool {
	component := func(s string) bool {
		return s != "" && s[0] != '/' && s[0] != '?' && pchars(s, "/?")
	}
	if strings.HasPrefix(s, "+") {
		r, q, both := strings.Cut(s[1:], "?=")
		return component(r) && (!both || component(q))
	}
	return strings.HasPrefix(s, "=") && component(s[1:])
}

// pchars reports whether s holds only pchar of RFC 3986 and the characters of
// further.
func pchars(s, further string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case ascii.Alphanumeric(c), strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0, strings.IndexByte(further, c) >= 0:
		case c == '%' && i+2 < len(s) && ascii.Hex(s[i+1]) && ascii.Hex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}
