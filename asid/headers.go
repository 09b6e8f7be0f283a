// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// A headerField is a header that the protocol names, and the values that were found.
type headerField struct {
	name      string // as the specification writes it
	canonical string // as net/http does
	values    []string
	respelt   bool // it is there under a name that some reader takes for the same
	trailing  bool // it is announced as a trailer
	dropped   bool // Connection names it, so a proxy behind takes it away
}

// findHeaders fills in the values of the fields, in one pass over the header. A header
// whose name differs only by what other readers do not distinguish, letter case
// in a map that was not read from the wire and underscores for those that follow
// CGI, is noted: it may be the one that they read. So is one that Connection names,
// which a proxy does not pass on (RFC 9110 section 7.6.1): what is behind it would read
// another request than the one that is judged.
func findHeaders(header http.Header, fields []headerField) {
	for key, values := range header {
		// Older proxies know Proxy-Connection too (RFC 9112 appendix C.2.2).
		if ascii.EqualHeader(key, "Connection") || ascii.EqualHeader(key, "Proxy-Connection") {
			markDropped(values, fields)
			continue
		}
		for i := range fields {
			f := &fields[i]
			switch {
			case len(key) != len(f.name) || key == "":
			case key == f.canonical:
				f.values = values
			case ascii.EqualHeader(key, f.name):
				f.respelt = true
			}
		}
	}
}

// markTrailers marks the fields that the request announces as trailers: a reader behind
// may join those with the header (RFC 9110 section 6.5.1 forbids it).
func markTrailers(trailer http.Header, fields []headerField) {
	for key := range trailer {
		for i := range fields {
			if f := &fields[i]; f.name != "" && ascii.EqualHeader(key, f.name) {
				f.trailing = true
			}
		}
	}
}

// markDropped marks the fields that the values of Connection name.
func markDropped(values []string, fields []headerField) {
	for _, value := range values {
		for name := range fhirpath.Dropped(value) {
			for i := range fields {
				if f := &fields[i]; f.name != "" && ascii.EqualHeader(name, f.name) {
					f.dropped = true
				}
			}
		}
	}
}

// single returns the one value of the field.
func (f *headerField) single() (string, error) {
	switch {
	case f.respelt:
		return "", f.refuse("is there under another spelling", nil)
	case f.trailing:
		return "", f.refuse("is to follow the body", nil)
	case len(f.values) == 0:
		return "", f.refuse(missing, errMissing)
	case len(f.values) > 1:
		return "", f.refuse(fmt.Sprintf("is there %d times", len(f.values)), nil)
	case f.values[0] == "":
		return "", f.refuse("is empty", nil)
	case f.dropped:
		return "", f.refuse("is one that Connection says to drop", nil)
	}
	return f.values[0], nil
}

func (f *headerField) refuse(detail string, cause error) error {
	rule := RuleHeader
	if f.name == authorization {
		rule = RuleToken
	}
	return &RequestError{Rule: rule, Header: f.name, Detail: detail, Err: cause}
}

func (f *headerField) id(testIDs bool) (ID, error) {
	value, err := f.single()
	if err != nil {
		return ID{}, err
	}
	parse := ParseID
	if testIDs {
		parse = ParseTestID
	}
	id, err := parse(value)
	if err != nil {
		return ID{}, f.refuse("is invalid: "+err.Error(), err)
	}
	return id, nil
}

func (f *headerField) interaction(required bool) (InteractionID, error) {
	if len(f.values) == 0 && !f.respelt && !f.trailing && !required {
		return "", nil
	}
	value, err := f.single()
	if err != nil {
		return "", err
	}
	// Proxies join repeated headers with a comma.
	if strings.Contains(value, ",") {
		return "", f.refuse("holds a list", nil)
	}
	id, err := ParseInteractionID(value)
	if err != nil {
		return "", f.refuse("is invalid: "+err.Error(), err)
	}
	return id, nil
}

func (f *headerField) uuid() (string, error) {
	value, err := f.single()
	if err == nil && !spine.IsUUID(value) {
		err = f.refuse("is not a UUID", nil)
	}
	return value, err
}

// bearer returns the token of the Authorization header (RFC 6750 section 2.1),
// with one or more blanks before it (RFC 9110 section 11.4).
func (f *headerField) bearer() (*Token, error) {
	value, err := f.single()
	if err != nil {
		return nil, err
	}
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, f.refuse("is not of the scheme Bearer", nil)
	}
	return ParseToken(strings.TrimLeft(token, " "))
}

// fields returns the headers to look for: of the sender, the receiver, the
// interaction, the trace and the token. Their canonical names are written out,
// for to derive them takes memory for each request.
func (n *headerNames) fields() [5]headerField {
	if n.trace == "" {
		return [5]headerField{
			{name: n.from, canonical: "Fromasid"}, {name: n.to, canonical: "Toasid"},
			{name: n.interaction, canonical: "Interactionid"}, {}, {name: authorization, canonical: authorization},
		}
	}
	return [5]headerField{
		{name: n.from, canonical: "Ssp-From"}, {name: n.to, canonical: "Ssp-To"},
		{name: n.interaction, canonical: "Ssp-Interactionid"}, {name: n.trace, canonical: "Ssp-Traceid"},
		{name: authorization, canonical: authorization},
	}
}
