// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// xmlScanner splits a document into tags and text. It knows the part of XML 1.0
// that FHIR uses and refuses the rest. encoding/xml makes a string of each name
// and value, of which a body of many small elements has hundreds of thousands;
// here all of them stay where they are in the body. What it takes is compared
// with encoding/xml in the tests. The body has been checked by isXMLText.
type xmlScanner struct {
	body   []byte
	at     int       // where the next token begins
	closes bool      // whether the last start tag was that of an empty element
	name   []byte    // of the last tag, with its prefix
	attrs  []xmlAttr // of the last start tag
	text   []byte    // the last text, as written, or the inside of the declaration
	room   [4]xmlAttr
}

// xmlAttr is an attribute, as written: with its prefix and its references.
type xmlAttr struct{ name, raw []byte }

type xmlToken int

const (
	xmlEOF xmlToken = iota
	xmlStart
	xmlEnd
	xmlText
	xmlDeclared // the XML declaration
)

// maxAttributes bounds an element's; FHIR's have three at most, those of the
// narrative hardly more.
const maxAttributes = 16

// xmlDeclaration is the only form of a declaration that is taken: version 1.0
// and, if an encoding is named, UTF-8.
var xmlDeclaration = regexp.MustCompile(`^\s+version\s*=\s*(?:"1\.0"|'1\.0')` +
	`(?:\s+encoding\s*=\s*(?:"(?i:utf-8)"|'(?i:utf-8)'))?` +
	`(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*$`)

func malformed(detail string) error {
	return &Error{Kind: Malformed, Detail: "is not well-formed XML: it " + detail}
}

// next returns the next token. Comments are passed over.
func (s *xmlScanner) next() (xmlToken, error) {
	if s.closes { // the end of <name/>
		s.closes = false
		return xmlEnd, nil
	}
	for {
		rest := s.body[s.at:]
		switch {
		case len(rest) == 0:
			return xmlEOF, nil
		case rest[0] != '<':
			return xmlText, s.chars(rest)
		case len(rest) == 1:
			return 0, malformed("ends within a tag")
		}
		switch rest[1] {
		case '/':
			return xmlEnd, s.endTag()
		case '?':
			return xmlDeclared, s.declaration(rest)
		case '!':
			if !bytes.HasPrefix(rest, []byte("<!--")) {
				return 0, refused("has a document type, a CDATA section or another declaration")
			}
			if err := s.comment(rest); err != nil {
				return 0, err
			}
		default:
			return xmlStart, s.startTag()
		}
	}
}

// chars reads what is between two tags (production CharData, section 2.4).
func (s *xmlScanner) chars(rest []byte) error {
	if i := bytes.IndexByte(rest, '<'); i >= 0 {
		rest = rest[:i]
	}
	if bytes.Contains(rest, []byte("]]>")) {
		return malformed("has ]]> in a text")
	}
	s.text = rest
	s.at += len(rest)
	return referencesIn(rest)
}

// comment passes over a comment (section 2.5).
func (s *xmlScanner) comment(rest []byte) error {
	inside := rest[len("<!--"):]
	i := bytes.Index(inside, []byte("--"))
	if i < 0 || !bytes.HasPrefix(inside[i:], []byte("-->")) {
		return malformed("has a comment that does not end or has -- in it")
	}
	s.at += len("<!--") + i + len("-->")
	return nil
}

// declaration reads the XML declaration, which is the first thing of all. The
// caller looks into it.
func (s *xmlScanner) declaration(rest []byte) error {
	inside, found := bytes.CutPrefix(rest, []byte("<?xml"))
	i := bytes.Index(inside, []byte("?>"))
	if !found || s.at != 0 || i < 0 || !xmlDeclaration.Match(inside[:i]) {
		return refused("has a processing instruction, or an XML declaration other than of version 1.0 and UTF-8")
	}
	s.at = len("<?xml") + i + len("?>")
	return nil
}

func (s *xmlScanner) startTag() error {
	s.at++
	if err := s.readName(); err != nil {
		return err
	}
	name := s.name
	s.attrs = s.room[:0]
	for {
		spaced := s.space()
		switch s.peek() {
		case '>':
			s.at++
			s.name = name
			return nil
		case '/':
			s.at++
			if s.peek() != '>' {
				return malformed("has a / in a tag")
			}
			s.at++
			s.name, s.closes = name, true
			return nil
		}
		if !spaced {
			return malformed("has no space before an attribute")
		}
		if len(s.attrs) == maxAttributes {
			return refusedElement(cut(string(name)), "has too many attributes")
		}
		if err := s.attribute(); err != nil {
			return err
		}
	}
}

func (s *xmlScanner) attribute() error {
	if err := s.nameBefore('=', "has an attribute without a value"); err != nil {
		return err
	}
	s.space()
	quote := s.peek()
	if quote != '"' && quote != '\'' {
		return malformed("has a value without quotes")
	}
	s.at++
	i := bytes.IndexByte(s.body[s.at:], quote)
	if i < 0 {
		return malformed("has a value that does not end")
	}
	raw := s.body[s.at : s.at+i]
	if bytes.IndexByte(raw, '<') >= 0 {
		return malformed("has a < in a value")
	}
	s.at += i + 1
	s.attrs = append(s.attrs, xmlAttr{s.name, raw})
	return referencesIn(raw)
}

func (s *xmlScanner) endTag() error {
	s.at += len("</")
	return s.nameBefore('>', "has an end tag with more than a name")
}

// nameBefore reads a name, white space, and the byte that has to follow; another one
// is the fault.
func (s *xmlScanner) nameBefore(next byte, fault string) error {
	if err := s.readName(); err != nil {
		return err
	}
	s.space()
	if s.peek() != next {
		return malformed(fault)
	}
	s.at++
	return nil
}

// readName reads a name, of which FHIR and XHTML have none that is not ASCII.
func (s *xmlScanner) readName() error {
	from := s.at
	for s.at < len(s.body) && xmlBytes[s.body[s.at]]&nameByte != 0 {
		s.at++
	}
	s.name = s.body[from:s.at]
	switch c := s.peek(); {
	case c >= utf8.RuneSelf:
		return refused("has a name that is not ASCII")
	case len(s.name) == 0 || xmlBytes[s.name[0]]&startByte == 0:
		return malformed("has a name that is none")
	}
	return nil
}

// space passes over white space and reports whether there is any.
func (s *xmlScanner) space() bool {
	from := s.at
	for s.at < len(s.body) && xmlBytes[s.body[s.at]]&spaceByte != 0 {
		s.at++
	}
	return s.at > from
}

// peek returns the next byte, or 0, which no body has, at the end.
func (s *xmlScanner) peek() byte {
	if s.at == len(s.body) {
		return 0
	}
	return s.body[s.at]
}

const (
	nameByte  = 1 << iota // of a name
	startByte             // that a name can begin with
	spaceByte
)

var xmlBytes = func() (class [256]byte) {
	for c := 'a'; c <= 'z'; c++ {
		class[c], class[c-'a'+'A'] = nameByte|startByte, nameByte|startByte
	}
	for c := '0'; c <= '9'; c++ {
		class[c] = nameByte
	}
	for _, c := range "-." {
		class[c] = nameByte
	}
	for _, c := range "_:" {
		class[c] = nameByte | startByte
	}
	for _, c := range " \t\r\n" {
		class[c] = spaceByte
	}
	return class
}()

// referencesIn checks the references in a text or a value.
func referencesIn(raw []byte) error {
	for {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			return nil
		}
		_, n := characterReference(raw[i:])
		if n == 0 {
			return malformed("has a reference to what is no character")
		}
		raw = raw[i+n:]
	}
}

// maxReference bounds a reference, in bytes. Zeros may stand before its number.
const maxReference = 34

// characterReference returns the character that raw begins with a reference to, and how
// long the reference is; 0 if it is none. Of entities there are the five of
// section 4.6.
func characterReference(raw []byte) (rune, int) {
	i := bytes.IndexByte(raw[:min(len(raw), maxReference)], ';')
	if i < 2 {
		return 0, 0
	}
	switch string(raw[1:i]) {
	case "amp":
		return '&', i + 1
	case "lt":
		return '<', i + 1
	case "gt":
		return '>', i + 1
	case "quot":
		return '"', i + 1
	case "apos":
		return '\'', i + 1
	}
	if raw[1] != '#' {
		return 0, 0
	}
	digits, base := raw[2:i], 10
	if hex, found := bytes.CutPrefix(digits, []byte{'x'}); found {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune || !isXMLChar(rune(n)) {
		return 0, 0
	}
	return rune(n), i + 1
}

// isXMLChar is the production Char (section 2.2).
func isXMLChar(r rune) bool {
	return r >= ' ' && r < 0xD800 || r > 0xDFFF && r != 0xFFFE && r != 0xFFFF || r == '\t' || r == '\n' || r == '\r'
}

// unescaped returns a value of which referencesIn has nothing to say.
func unescaped(raw []byte) string {
	if bytes.IndexByte(raw, '&') < 0 {
		return string(raw)
	}
	var out []byte
	for {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			return string(append(out, raw...))
		}
		r, n := characterReference(raw[i:])
		out = utf8.AppendRune(append(out, raw[:i]...), r)
		raw = raw[i+n:]
	}
}
