// SPDX-License-Identifier: Apache-2.0

package asid

import "strings"

// members splits a JSON object into its members. The text must have been found to be
// valid JSON; of another, what is returned means nothing.
type members struct {
	text string
	at   int // in text
}

// open goes into the object; false: the text is none.
func (m *members) open() bool {
	m.blanks()
	if m.peek() != '{' {
		return false
	}
	m.at++
	return true
}

// next returns the next member's name, in quotation marks, and value, or false if
// there is none.
func (m *members) next() (name, value string, more bool) {
	m.blanks()
	if m.peek() == ',' {
		m.at++
		m.blanks()
	}
	if m.peek() != '"' {
		return "", "", false
	}
	name = m.value()
	m.blanks()
	m.at++ // the colon
	m.blanks()
	value = m.value()
	return name, value, value != ""
}

// peek returns the present character, or zero at the end.
func (m *members) peek() byte {
	if m.at < len(m.text) {
		return m.text[m.at]
	}
	return 0
}

// blanks passes over white space (RFC 8259 section 2).
func (m *members) blanks() {
	for m.at < len(m.text) && (m.text[m.at] == ' ' || m.text[m.at] == '\n' || m.text[m.at] == '\r' || m.text[m.at] == '\t') {
		m.at++
	}
}

// value passes over a value, whatever it holds, and returns it.
func (m *members) value() string {
	start := min(m.at, len(m.text))
	depth := 0
	for m.at < len(m.text) {
		switch c := m.text[m.at]; c {
		case '"':
			m.quoted()
			if depth == 0 {
				return m.text[start:m.at]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return m.text[start:m.at] // a number or a literal, the last of the object
			}
			if depth--; depth == 0 {
				m.at++
				return m.text[start:m.at]
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return m.text[start:m.at]
			}
		}
		m.at++
	}
	return m.text[start:]
}

// quoted passes over a string. Nearly all have no escapes.
func (m *members) quoted() {
	rest := m.text[m.at+1:]
	if end := strings.IndexByte(rest, '"'); end >= 0 && strings.IndexByte(rest[:end], '\\') < 0 {
		m.at += end + 2
		return
	}
	for m.at++; m.at < len(m.text); m.at++ {
		switch m.text[m.at] {
		case '\\':
			m.at++
		case '"':
			m.at++
			return
		}
	}
	m.at = len(m.text)
}
