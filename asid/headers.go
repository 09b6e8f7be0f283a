// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// claimed is what the headers of a request say.
type claimed struct {
	from, to    ID
	interaction InteractionID // empty: the header is optional and not there
	trace       string        // empty: the protocol has none
	token       *Token
}

// read returns what the headers of a request say. The errors are *HeaderError and
// *TokenError.
func (h *headerNames) read(header http.Header, parseID func(string) (ID, error)) (claimed, error) {
	var c claimed
	var err error
	if c.from, err = readID(header, h.from, parseID); err != nil {
		return c, err
	}
	if c.to, err = readID(header, h.to, parseID); err != nil {
		return c, err
	}
	value, repeated := single(header, h.interaction)
	switch {
	case repeated == nil:
		// Proxies join repeated headers with a comma.
		if strings.Contains(value, ",") {
			return c, &HeaderError{Header: h.interaction, Detail: "holds a list"}
		}
		id, malformed := ParseInteractionID(value)
		if malformed != nil {
			return c, &HeaderError{Header: h.interaction, Detail: "is invalid: " + malformed.Error()}
		}
		c.interaction = id
	case h.requireInteraction || repeated.Detail != missing:
		return c, repeated
	}
	if h.trace != "" {
		value, err := single(header, h.trace)
		if err != nil {
			return c, err
		}
		if !spine.IsUUID(value) {
			return c, &HeaderError{Header: h.trace, Detail: "is not a UUID"}
		}
		c.trace = value
	}
	c.token, err = bearer(header)
	return c, err
}

func readID(header http.Header, name string, parse func(string) (ID, error)) (ID, error) {
	value, missingOrRepeated := single(header, name)
	if missingOrRepeated != nil {
		return ID{}, missingOrRepeated
	}
	id, err := parse(value)
	if err != nil {
		return ID{}, &HeaderError{Header: name, Detail: "is invalid: " + err.Error()}
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
		if key != canonical && ascii.EqualHeader(key, name) {
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
