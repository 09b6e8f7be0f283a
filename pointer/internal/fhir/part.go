// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Subsetted is the code of the tag of a resource that lacks elements which are stored:
// one of a summary, or of a server that leaves out what a client may not see. To write it
// back is to lose them (resource, "Meta", and search, "Summary", in STU3 and R4).
const Subsetted = "SUBSETTED"

// IsPart reports whether p, which was read from body, has the tag [Subsetted], of
// whatever system: STU3 and R4 have it in different ones. What cannot be read may be a
// part, too, as may what only some readers take for that code: of an element that is there
// twice, or of a name in another case.
func (p *DocumentReference) IsPart(contentType string, body []byte) bool {
	if p.meta == (span{}) {
		return false
	}
	meta := body[p.meta.from:p.meta.to]
	if f, _ := FormatOf(contentType); f == XML {
		return bytes.Contains(meta, []byte("tag")) && isPartInXML(meta)
	}
	if !bytes.Contains(bytes.ToLower(meta), []byte("tag")) && !bytes.Contains(meta, []byte(`\`)) { // which a name may have, stored
		return false
	}
	var m struct {
		Meta struct {
			Tag tags `json:"tag,case:ignore"`
		} `json:"meta"`
	}
	err := json.Unmarshal(slices.Concat([]byte{'{'}, meta, []byte{'}'}), &m)
	return err != nil || m.Meta.Tag.subsetted
}

// isPartInXML is IsPart for the element meta, which has been read before.
func isPartInXML(meta []byte) bool {
	scan := xmlScanner{body: meta}
	inTag := false
	for depth := 0; ; {
		t, err := scan.next()
		switch {
		case err != nil:
			return true
		case t == xmlEOF:
			return false
		case t == xmlEnd:
			depth--
		case t == xmlStart:
			if depth++; depth == 2 {
				inTag = string(scan.name) == "tag"
			}
			if depth != 3 || !inTag || string(scan.name) != "code" {
				continue
			}
			for _, a := range scan.attrs {
				if string(a.name) == "value" && unescaped(a.raw) == Subsetted {
					return true
				}
			}
		}
	}
}

// tags are what meta.tag has in JSON, of which a body may have hundreds of thousands.
type tags struct{ subsetted bool }

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (t *tags) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return refused("is not an array")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if dec.PeekKind() != '{' {
			return refused("is not an object")
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		for dec.PeekKind() != '}' {
			if err := t.member(dec); err != nil {
				return err
			}
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// member reads a name and its value.
func (t *tags) member(dec *jsontext.Decoder) error {
	name, err := dec.ReadToken()
	if err != nil {
		return err
	}
	isCode := strings.EqualFold(name.String(), "code") // before the name is overwritten
	value, err := dec.ReadValue()
	if err != nil || !isCode {
		return err
	}
	if value.Kind() != '"' {
		return refused("is not a string")
	}
	code, err := jsontext.AppendUnquote(nil, value)
	t.subsetted = t.subsetted || string(code) == Subsetted
	return err
}
