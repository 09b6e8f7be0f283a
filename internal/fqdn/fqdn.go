// SPDX-License-Identifier: Apache-2.0

// Package fqdn reads host names from certificates and compares them. TLS and
// ASID binding must agree on which host a certificate speaks for, so both use this.
//
// A name is letters, digits and hyphens in labels joined by dots, as in RFC
// 1123 section 2.1, at most 253 bytes, its last label beginning with a letter.
// There are no wildcards, no trailing dots, no IP addresses and no other
// characters. Names are equal if they are the same but for the case of ASCII
// letters.
package fqdn

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

const (
	maxName  = 253
	maxLabel = 63
)

// Parse returns name in lower case, or an error that says what is wrong with
// it.
func Parse(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("the name is empty")
	case len(name) > maxName:
		return "", fmt.Errorf("the name has %d bytes, more than %d", len(name), maxName)
	case strings.HasSuffix(name, "."):
		return "", fmt.Errorf("the name %q ends in a dot", name)
	case strings.Contains(name, "*"):
		return "", fmt.Errorf("the name %q is a wildcard", name)
	}
	label := 0 // where the current label begins
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '.' {
			if !ldh(name[i]) {
				return "", fmt.Errorf("the name %q has a character that is not a letter, digit or hyphen", name)
			}
			continue
		}
		if i == label || i-label > maxLabel || name[label] == '-' || name[i-1] == '-' {
			return "", fmt.Errorf("the name %q has a label that is empty, too long, or begins or ends with a hyphen", name)
		}
		if i == len(name) && !ascii.Letter(name[label]) {
			return "", fmt.Errorf("the last label of %q begins with a digit, as in an IP address", name)
		}
		label = i + 1
	}
	return strings.ToLower(name), nil
}

// Equal reports whether a and b are the same but for the case of ASCII
// letters. It says nothing about whether they are names.
func Equal(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if ascii.Lower(a[i]) != ascii.Lower(b[i]) {
			return false
		}
	}
	return true
}

var (
	oidCommonName     = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// FromCertificate returns the names that a parsed certificate speaks for, in
// lower case: the dNSNames of its subjectAltName, or, if it has no such
// extension at all, its only common name. One name that Parse refuses spoils
// the certificate, since another reader may take it for something else.
func FromCertificate(cert *x509.Certificate) ([]string, error) {
	found := cert.DNSNames
	if !hasSubjectAltName(cert) {
		cn, err := commonName(cert)
		if err != nil {
			return nil, err
		}
		found = []string{cn}
	}
	if len(found) == 0 {
		return nil, errors.New("the subjectAltName has no dNSName")
	}
	names := make([]string, len(found))
	for i, name := range found {
		parsed, err := Parse(name)
		if err != nil {
			return nil, err
		}
		names[i] = parsed
	}
	return names, nil
}

func hasSubjectAltName(cert *x509.Certificate) bool {
	for _, ext := range cert.Extensions {
		if ext.Id.Equal(oidSubjectAltName) {
			return true
		}
	}
	return false
}

// commonName returns the only common name of the subject. Subject.CommonName
// would be the last of several; Subject.Names has them all, those that share a
// relative distinguished name with another attribute included.
func commonName(cert *x509.Certificate) (string, error) {
	var names []string
	for _, attribute := range cert.Subject.Names {
		if !attribute.Type.Equal(oidCommonName) {
			continue
		}
		name, ok := attribute.Value.(string)
		if !ok {
			return "", errors.New("the common name is not a string")
		}
		names = append(names, name)
	}
	if len(names) != 1 {
		return "", fmt.Errorf("there is no subjectAltName and the subject has %d common names, not one", len(names))
	}
	return names[0], checkEnd(cert.RawSubject)
}

// An attributeSET is a RelativeDistinguishedName (RFC 5280 section 4.1.2.4).
type attributeSET []struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// checkEnd refuses a common name in a BMPString that ends in NUL: crypto/x509 leaves
// the NUL out, and other readers do not. A subject that was not parsed is not looked at.
func checkEnd(subject []byte) error {
	if len(subject) == 0 {
		return nil
	}
	var names []attributeSET
	if rest, err := asn1.Unmarshal(subject, &names); err != nil || len(rest) > 0 {
		return errors.New("the subject cannot be read")
	}
	for _, name := range names {
		for _, attribute := range name {
			if attribute.Type.Equal(oidCommonName) && attribute.Value.Tag == asn1.TagBMPString && bytes.HasSuffix(attribute.Value.Bytes, []byte{0, 0}) {
				return errors.New("the common name ends in NUL")
			}
		}
	}
	return nil
}

// ldh reports whether c is a letter, a digit or a hyphen.
func ldh(c byte) bool { return ascii.Alphanumeric(c) || c == '-' }
