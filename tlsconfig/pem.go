// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxPEM is far more than any chain or set of pins needs.
const maxPEM = 1 << 20

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxPEM {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxPEM)
	}
	return data, nil
}

// readCertificates reads a PEM file that holds certificates and no other
// object.
func readCertificates(name string) ([]*x509.Certificate, error) {
	data, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return certs, nil
}

func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	data, err := plainPEM(data)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a PEM object is a %s, not a CERTIFICATE", clip(block.Type))
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no PEM certificate")
	}
	return certs, nil
}

// plainPEM returns data without a byte order mark, or says what keeps it from being
// read: pem.Decode passes over what it does not take for PEM without a word.
func plainPEM(data []byte) ([]byte, error) {
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
		switch {
		case block.Type == "X509 CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE":
			return nil, fmt.Errorf("a PEM object is labelled %s, and must be labelled CERTIFICATE", block.Type)
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errors.New("the key is encrypted: decrypt it with openssl pkey, or keep it in PKCS #12, which package tlsconfig/pkcs12 reads with its password")
		}
	}
	return data, damagedPEM(data)
}

// keyPair is tls.X509KeyPair, and says if the chain is in the wrong order.
func keyPair(certPEM, keyPEM []byte) (*tls.Certificate, error) {
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

// damagedPEM finds objects that begin and cannot be read: pem.Decode passes
// over them without a word.
func damagedPEM(data []byte) error {
	whole := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		whole++
	}
	if whole != max(bytes.Count(data, []byte("-----BEGIN ")), bytes.Count(data, []byte("-----END "))) {
		return errors.New("a PEM object is damaged")
	}
	return nil
}
