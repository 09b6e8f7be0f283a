// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// The files that come from other programs and other people are read, or it is said
// what is wrong with them.
func TestFormsOfCertificateFiles(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	own := s.subCA.issue(t, providerName)
	chain, key := certPEM(own.Certificate...), keyPEM(t, own.PrivateKey)
	wide := func(text []byte) (out []byte) {
		for _, unit := range utf16.Encode([]rune(string(text))) {
			out = append(out, byte(unit), byte(unit>>8))
		}
		return out
	}
	indented := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte("\n  ")) }
	relabelled := func(label string) []byte { return bytes.ReplaceAll(chain, []byte("CERTIFICATE"), []byte(label)) }
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(own.PrivateKey.(*rsa.PrivateKey)),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00112233445566778899AABBCCDDEEFF"}})
	bom := []byte("\xef\xbb\xbf")
	for name, test := range map[string]struct {
		cert, key []byte
		want      string // part of the error; empty: it is read
	}{
		"plain":                         {chain, key, ""},
		"byte order marks":              {append(bom, chain...), append(bom, key...), ""},
		"line ends of Windows":          {bytes.ReplaceAll(chain, []byte("\n"), []byte("\r\n")), bytes.ReplaceAll(key, []byte("\n"), []byte("\r\n")), ""},
		"text before, as openssl has":   {append([]byte("Certificate:\n    Data:\n"), chain...), key, ""},
		"a comment with BEGIN":          {append([]byte("# the -----BEGIN CERTIFICATE----- of today\n"), chain...), key, "line 1: what begins a PEM object"},
		"UTF-16":                        {append([]byte("\xff\xfe"), wide(chain)...), key, "UTF-16"},
		"UTF-16, no mark":               {chain, wide(key), "UTF-16"},
		"DER":                           {own.Certificate[0], key, "binary"},
		"literal \\n":                   {bytes.ReplaceAll(chain, []byte("\n"), []byte(`\n`)), key, `written as \n`},
		"indented":                      {indented(append([]byte("pem: |\n"), chain...)), key, "line 2: a PEM object is indented"},
		"an indented key":               {chain, indented(append([]byte("pem: |\n"), key...)), "line 2: a PEM object is indented"},
		"X509 CERTIFICATE":              {relabelled("X509 CERTIFICATE"), key, "labelled X509 CERTIFICATE"},
		"TRUSTED CERTIFICATE":           {relabelled("TRUSTED CERTIFICATE"), key, "labelled TRUSTED CERTIFICATE"},
		"the SubCA first":               {certPEM(own.Certificate[1], own.Certificate[0]), key, "the key's certificate is number 2"},
		"another key":                   {chain, keyPEM(t, testca.RSA("impostor")), "private key does not match"},
		"a key encrypted, PKCS #8":      {chain, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), "the key is encrypted"},
		"a key encrypted, DEK-Info":     {chain, legacy, "the key is encrypted"},
		"a key cut short":               {chain, key[:len(key)-20], "damaged"},
		"no key":                        {chain, nil, "PEM"},
		"a key's line breaks, written":  {chain, bytes.ReplaceAll(key, []byte("\n"), []byte(`\n`)), `written as \n`},
		"text behind, on the same line": {bytes.Replace(chain, []byte("-----END"), []byte("x -----END"), 1), key, "damaged"},
	} {
		dir := t.TempDir()
		certFile, keyFile := writeFile(t, dir, "cert.pem", test.cert), writeFile(t, dir, "key.pem", test.key)
		cert, err := tlsconfig.CertificateFiles(certFile, keyFile)(t.Context())
		if test.want == "" {
			if assert.NoError(t, err, name) {
				assert.Equal(t, own.Certificate, cert.Certificate, name)
			}
			continue
		}
		assert.ErrorContains(t, err, test.want, name)
		assert.True(t, err == nil || strings.Contains(err.Error(), dir), "%s: it names the file: %v", name, err)
	}
	dir := t.TempDir()
	roots := writeFile(t, dir, "roots.pem", append(bom, certPEM(s.root.cert.Raw)...))
	subCAs := writeFile(t, dir, "subcas.pem", certPEM(s.subCA.cert.Raw))
	pins, err := tlsconfig.LoadPins(roots, subCAs)
	require.NoError(t, err)
	assert.Len(t, pins.Roots(), 1)
}
