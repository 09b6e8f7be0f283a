// SPDX-License-Identifier: Apache-2.0

// Package pemtext reads PEM as other programs and other people write it, and says
// what is wrong with it: encoding/pem passes over what it does not take for PEM
// without a word.
package pemtext

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
)

// Plain returns data without a byte order mark, or says what keeps it from being
// read.
func Plain(data []byte) ([]byte, error) {
	begin := []byte("-----BEGIN ")
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.Contains(data, []byte("-\x00-\x00-")):
		return nil, errors.New("the text is UTF-16, and must be ASCII")
	case bytes.HasPrefix(data, []byte{0x30}) && !bytes.Contains(data, begin):
		return nil, errors.New("it is binary, and must be PEM; PKCS #12 is read by package tlsconfig/pkcs12")
	case bytes.Contains(data, []byte(`-----\n`)):
		return nil, errors.New(`its line breaks are written as \n`)
	}
	for number, line := range bytes.Split(data, []byte{'\n'}) {
		switch at := bytes.Index(line, begin); {
		case at > 0 && len(bytes.TrimSpace(line[:at])) == 0:
			return nil, fmt.Errorf("line %d: a PEM object is indented", number+1)
		case at > 0:
			return nil, fmt.Errorf("line %d: what begins a PEM object stands behind other text", number+1)
		}
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "X509 CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE" {
			return nil, fmt.Errorf("a PEM object is labelled %s, and must be labelled CERTIFICATE", block.Type)
		}
	}
	return data, damaged(data)
}

// damaged finds objects that begin and cannot be read.
func damaged(data []byte) error {
	whole := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		whole++
	}
	if whole != max(bytes.Count(data, []byte("-----BEGIN ")), bytes.Count(data, []byte("-----END "))) {
		return errors.New("a PEM object is damaged")
	}
	return nil
}

// Encrypted reports whether block is a key that is encrypted with a password, by
// PKCS #8 (RFC 5958 section 3) or by PEM's own header (RFC 1421 section 4.6.1.3).
func Encrypted(block *pem.Block) bool {
	return block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != ""
}

// KeyPair is tls.X509KeyPair, and says if the chain is in the wrong order.
func KeyPair(certPEM, keyPEM []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err == nil {
		return &pair, nil
	}
	number := 0
	for block, rest := pem.Decode(certPEM); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		number++
		if _, alone := tls.X509KeyPair(pem.EncodeToMemory(block), keyPEM); number > 1 && alone == nil {
			return nil, fmt.Errorf("the chain is in the wrong order: the key's certificate is number %d and must be the first, followed by the one that issued it", number)
		}
	}
	return nil, err
}
