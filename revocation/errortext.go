// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxQuoted bounds what a certificate or an answer can add to an error's text.
const maxQuoted = 200

// where writes the URL, file or word that a document is from. Certificates name
// whatever they like; what could be taken for the text around it is quoted.
func where(source string) string {
	ordinary := func(r rune) bool { return r > ' ' && r < 0x7f && r != '"' }
	if len(source) <= maxQuoted && !strings.ContainsFunc(source, func(r rune) bool { return !ordinary(r) }) {
		return source
	}
	return quote(source)
}

// quote bounds a text and makes one line of it.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// oneLine writes errors one after the other, each reason once, without line
// breaks or other characters that a terminal or a log might act on.
func oneLine(errs ...error) string {
	var reasons []string
	for _, err := range errs {
		if err == nil {
			continue
		}
		for reason := range strings.SplitSeq(err.Error(), "\n") { // as errors.Join writes them
			reason = escape(strings.TrimSpace(reason))
			if reason != "" && !slices.Contains(reasons, reason) {
				reasons = append(reasons, reason)
			}
		}
	}
	return strings.Join(reasons, "; ")
}

func escape(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return b.String()
}

// whose says which certificate of a chain a serial number is of: leaf and SubCA have
// different issuers, and a serial number alone does not tell them apart.
func whose(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	return " of " + quote(cert.Subject.String())
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
