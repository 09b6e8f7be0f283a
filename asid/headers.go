// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// Headers names the headers of one protocol. The zero value is the NRL's own:
// fromASID and toASID, and InteractionID if the request carries it. Each must be
// there exactly once, with one value, and under no other spelling that some
// reader takes for the same.
type Headers struct {
	From, To           string                   // both empty: fromASID, toASID and InteractionID
	Interaction        string                   // of the interaction ID; empty, unless From and To are: none
	Trace              string                   // of a UUID for each request; empty: none
	RequireInteraction bool                     // refuse a request without the Interaction header
	ParseID            func(string) (ID, error) // nil: Parse
}

// SSPHeaders are those of the Spine Secure Proxy: Ssp-From, Ssp-To,
// Ssp-InteractionID and Ssp-TraceID, all of them required.
func SSPHeaders() Headers {
	return Headers{
		From:               "Ssp-From",
		To:                 "Ssp-To",
		Interaction:        "Ssp-InteractionID",
		Trace:              "Ssp-TraceID",
		RequireInteraction: true,
	}
}

const authorization = "Authorization"

// complete returns h with its defaults filled in.
func (h Headers) complete() (Headers, error) {
	if h.From == "" && h.To == "" {
		h.From, h.To = "fromASID", "toASID"
		if h.Interaction == "" {
			h.Interaction = "InteractionID"
		}
	}
	if h.ParseID == nil {
		h.ParseID = Parse
	}
	switch {
	case h.From == "" || h.To == "":
		return Headers{}, &ConfigError{Field: "Headers", Detail: "must name both From and To, or neither"}
	case h.RequireInteraction && h.Interaction == "":
		return Headers{}, &ConfigError{Field: "Headers.Interaction", Detail: missing}
	}
	return h, nil
}

// claimed is what the headers of a request say.
type claimed struct {
	from, to    ID
	interaction InteractionID // empty: the header is optional and not there
	trace       string        // empty: the protocol has none
	token       *Token
}

// read returns what the headers of a request say; h must be complete. The errors
// are *HeaderError and *TokenError.
func (h Headers) read(header http.Header) (claimed, error) {
	var c claimed
	var err error
	if c.from, err = h.id(header, h.From); err != nil {
		return c, err
	}
	if c.to, err = h.id(header, h.To); err != nil {
		return c, err
	}
	if h.Interaction != "" {
		value, err := single(header, h.Interaction)
		switch {
		case err == nil:
			// Proxies join repeated headers with a comma.
			if strings.Contains(value, ",") {
				return c, &HeaderError{Header: h.Interaction, Detail: "holds a list"}
			}
			id, malformed := ParseInteractionID(value)
			if malformed != nil {
				return c, &HeaderError{Header: h.Interaction, Detail: "is invalid: " + malformed.Error()}
			}
			c.interaction = id
		case h.RequireInteraction || err.Detail != missing:
			return c, err
		}
	}
	if h.Trace != "" {
		value, err := single(header, h.Trace)
		if err != nil {
			return c, err
		}
		if !isUUID(value) {
			return c, &HeaderError{Header: h.Trace, Detail: "is not a UUID"}
		}
		c.trace = value
	}
	c.token, err = bearer(header)
	return c, err
}

func (h Headers) id(header http.Header, name string) (ID, error) {
	value, missingOrRepeated := single(header, name)
	if missingOrRepeated != nil {
		return ID{}, missingOrRepeated
	}
	id, err := h.ParseID(value)
	if err != nil {
		return ID{}, &HeaderError{Header: name, Detail: "is invalid: " + err.Error()}
	}
	if id.IsZero() {
		return ID{}, &HeaderError{Header: name, Detail: "is no system's"}
	}
	return id, nil
}

// bearer returns the token of the Authorization header (RFC 6750 section 2.1).
func bearer(header http.Header) (*Token, error) {
	value, err := single(header, authorization)
	if err != nil {
		return nil, err
	}
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, &HeaderError{Header: authorization, Detail: "is not of the scheme Bearer"}
	}
	return ParseToken(token)
}

// single returns the one value of the header of that name. A header whose name
// differs only by what other readers do not distinguish, letter case in a map
// that was not read from the wire and underscores for those that follow CGI, is
// refused: it may be the one that they read.
func single(header http.Header, name string) (string, *HeaderError) {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	for key := range header {
		if key != canonical && sameHeader(key, name) {
			return "", &HeaderError{Header: name, Detail: "is there under another spelling"}
		}
	}
	values := header[canonical]
	switch {
	case len(values) == 0:
		return "", &HeaderError{Header: name, Detail: missing}
	case len(values) > 1:
		return "", &HeaderError{Header: name, Detail: fmt.Sprintf("is there %d times", len(values))}
	case values[0] == "":
		return "", &HeaderError{Header: name, Detail: "is empty"}
	}
	return values[0], nil
}

func sameHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if foldHeader(a[i]) != foldHeader(b[i]) {
			return false
		}
	}
	return true
}

func foldHeader(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + ('a' - 'A')
	case c == '_':
		return '-'
	}
	return c
}
