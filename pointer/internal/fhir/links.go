// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonLink matches where a Bundle has URLs of the server that made it.
var jsonLink = regexp.MustCompile(`^(/link/\d+/url|/entry/\d+/(fullUrl|link/\d+/url|response/location))$`)

// Links returns body with public of each URL by which a Bundle names the server
// that made it, and its pages and entries. What resources refer to stays.
func Links(f Format, body []byte, public func(string) string) ([]byte, error) {
	if f == XML {
		return xmlLinks(body, public)
	}
	var out bytes.Buffer
	dec, enc := jsontext.NewDecoder(bytes.NewReader(body)), jsontext.NewEncoder(&out)
	for {
		name := dec.PeekKind() == '"' && isName(dec)
		token, err := dec.ReadToken()
		if err == io.EOF {
			return bytes.TrimRight(out.Bytes(), "\n"), nil
		}
		if err != nil {
			return nil, err
		}
		if !name && token.Kind() == '"' && jsonLink.MatchString(string(dec.StackPointer())) {
			token = jsontext.String(public(token.String()))
		}
		if err := enc.WriteToken(token); err != nil {
			return nil, err
		}
	}
}

// isName reports whether the next token is the name of a member.
func isName(dec *jsontext.Decoder) bool {
	kind, length := dec.StackIndex(dec.StackDepth())
	return kind == '{' && length%2 == 0
}

// xmlLinks is Links for XML. Everything else stays as it is, byte by byte.
func xmlLinks(body []byte, public func(string) string) ([]byte, error) {
	var out bytes.Buffer
	var path []byte
	var depths []int
	dec := xml.NewDecoder(bytes.NewReader(body))
	done := 0
	for {
		from := int(dec.InputOffset())
		t, err := dec.RawToken()
		if err == io.EOF {
			out.Write(body[done:])
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depths = append(depths, len(path))
			path = append(append(path, '/'), t.Name.Local...)
			switch string(path) {
			case "/Bundle/link/url", "/Bundle/entry/fullUrl", "/Bundle/entry/link/url", "/Bundle/entry/response/location":
			default:
				continue
			}
			to := int(dec.InputOffset())
			for _, a := range t.Attr {
				if a.Name.Local != "value" || a.Name.Space != "" {
					continue
				}
				out.Write(body[done:from])
				out.WriteString("<" + t.Name.Local + ` value="`)
				_ = xml.EscapeText(&out, []byte(public(a.Value))) // a Buffer takes everything
				out.WriteByte('"')
				if bytes.HasSuffix(body[from:to], []byte("/>")) {
					out.WriteByte('/')
				}
				out.WriteByte('>')
				done = to
			}
		case xml.EndElement:
			if len(depths) == 0 {
				return nil, io.ErrUnexpectedEOF
			}
			path, depths = path[:depths[len(depths)-1]], depths[:len(depths)-1]
		}
	}
}

// Root returns the root element of an XML document that was read before.
func Root(body []byte) []byte {
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte(byteOrderMark))))
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	for {
		from := dec.InputOffset()
		t, err := dec.RawToken()
		if err != nil {
			return body
		}
		if _, root := t.(xml.StartElement); root {
			return body[from:]
		}
	}
}
