// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const name = "ssp.nhs.uk"

// verify runs the program and returns what it prints and its exit status.
func verify(t *testing.T, args ...string) (line string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(args, &stdout, &stderr)
	if status == unusable {
		return stderr.String(), status
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	require.Len(t, lines, 1, "more than one line: %s", stdout.String())
	return lines[0], status
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	for _, test := range []struct {
		name       string
		fqdn       string
		variations []spinetest.Variation
		rule       string // empty: accepted
	}{
		{name: "a leaf as the Spine issues them", fqdn: name},
		{name: "the FQDN in capitals", fqdn: "SSP.NHS.UK"},
		{name: "the FQDN in the subjectAltName", fqdn: "other.nhs.uk", variations: []spinetest.Variation{spinetest.WithSAN(name)}},
		{name: "self-signed", fqdn: name, variations: []spinetest.Variation{spinetest.SelfSigned()}, rule: "subca"},
		{name: "expired", fqdn: name, variations: []spinetest.Variation{spinetest.Expired()}, rule: "validity"},
		{name: "not yet valid", fqdn: name, variations: []spinetest.Variation{spinetest.NotYetValid()}, rule: "validity"},
		{name: "issued by the sibling SubCA", fqdn: name, variations: []spinetest.Variation{spinetest.FromOtherSubCA()}, rule: "subca"},
		{name: "issued by the root", fqdn: name, variations: []spinetest.Variation{spinetest.FromRoot()}, rule: "subca"},
		{name: "issued by the SubCA's name with another key", fqdn: name, variations: []spinetest.Variation{spinetest.FromNamesake()}, rule: "subca"},
		{name: "the CA bit", fqdn: name, variations: []spinetest.Variation{spinetest.AsCA()}, rule: "usage"},
		{name: "RSA 1024", fqdn: name, variations: []spinetest.Variation{spinetest.Bits(1024)}, rule: "key"},
		{name: "an ECDSA key", fqdn: name, variations: []spinetest.Variation{spinetest.ECDSA()}, rule: "key"},
		{name: "a SHA-1 signature", fqdn: name, variations: []spinetest.Variation{spinetest.SHA1()}, rule: "key"},
		{name: "serverAuth only", fqdn: name, variations: []spinetest.Variation{spinetest.Usages(x509.ExtKeyUsageServerAuth)}, rule: "usage"},
		{name: "another FQDN", fqdn: "other.nhs.uk", rule: "fqdn"},
		{name: "a wildcard", fqdn: "*.nhs.uk", rule: "fqdn"},
		{name: "two common names", fqdn: name, variations: []spinetest.Variation{spinetest.CommonNames("other.nhs.uk")}, rule: "fqdn"},
		{name: "a trailing dot", fqdn: "ssp.nhs.uk.", rule: "fqdn"},
		{name: "a NUL", fqdn: "ssp.nhs.uk\x00.evil.example", rule: "fqdn"},
		{name: "the FQDN in the common name, another in the subjectAltName", fqdn: name,
			variations: []spinetest.Variation{spinetest.WithSAN("other.nhs.uk")}, rule: "fqdn"},
		{name: "of another partition than the CRL's", fqdn: name, variations: []spinetest.Variation{spinetest.Batch(8)}, rule: "revocation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaf := files.Leaf(t, test.fqdn, test.variations...)
			line, status := verify(t, "-roots", files.Roots, "-subcas", files.SubCAs, "-fqdn", name,
				"-crl", files.CRL, "-crl", files.ARL, leaf.Cert)
			if test.rule == "" {
				assert.Equal(t, "accepted", line)
				assert.Equal(t, accepted, status)
				return
			}
			assert.True(t, strings.HasPrefix(line, "rejected: "+test.rule+": "), line)
			assert.Equal(t, rejected, status)
		})
	}

	t.Run("serverAuth only, of a server", func(t *testing.T) {
		leaf := files.Leaf(t, name, spinetest.Usages(x509.ExtKeyUsageServerAuth))
		line, _ := verify(t, "-usage", "server", "-roots", files.Roots, "-subcas", files.SubCAs, "-fqdn", name,
			"-crl", files.CRL, "-crl", files.ARL, leaf.Cert)
		assert.Equal(t, "accepted", line)
	})
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	files := exampletest.OwnFiles(t) // whose services fail
	pki := files.PKI
	leaf := files.Leaf(t, name)
	revoked := files.Leaf(t, "revoked.nhs.uk")
	pki.Authority.Revoke(revoked.Leaf, revocation.ReasonKeyCompromise, time.Now().Add(-time.Hour))
	files.WriteCRLs(t)

	write := func(file, kind string, der []byte) string { return files.Write(t, file, kind, der) }
	fault := func(f revocationtest.Fault, make func() string) string {
		pki.Authority.Fail(f)
		defer pki.Authority.Fail(revocationtest.None)
		return make()
	}
	crl := func(f revocationtest.Fault) string {
		return fault(f, func() string { return write("crl-"+f.String()+".pem", "X509 CRL", pki.Authority.CRL(7)) })
	}
	response := func(f revocationtest.Fault, about *x509.Certificate) string {
		return fault(f, func() string {
			return write("ocsp-"+f.String()+about.SerialNumber.String()+".pem", "OCSP RESPONSE", pki.Authority.OCSP(about))
		})
	}
	later := time.Now().Add(365 * 24 * time.Hour).Format(time.RFC3339)

	for _, test := range []struct {
		name  string
		cert  string
		args  []string
		wants string
	}{
		{"a CRL that does not list it", leaf.Cert, []string{"-crl", files.CRL, "-crl", files.ARL}, "accepted"},
		{"a CRL that lists it", revoked.Cert, []string{"-crl", files.CRL, "-crl", files.ARL}, "rejected: revocation: .*keyCompromise.*"},
		{"a good OCSP answer", leaf.Cert, []string{"-ocsp", response(revocationtest.None, leaf.Leaf), "-crl", files.ARL}, "accepted"},
		{"an OCSP answer that it is revoked", revoked.Cert, []string{"-ocsp", response(revocationtest.None, revoked.Leaf), "-crl", files.ARL}, "rejected: revocation: .*keyCompromise.*"},
		{"neither", leaf.Cert, nil, "rejected: revocation: .*"},
		{"no list of the SubCAs", leaf.Cert, []string{"-crl", files.CRL}, "rejected: revocation: .*"},
		{"revocation off", revoked.Cert, []string{"-revocation", "off"}, "accepted"},
		{"an expired CRL", leaf.Cert, []string{"-crl", crl(revocationtest.Expired), "-crl", files.ARL}, "rejected: revocation: .*expired.*"},
		{"a CRL of the future", leaf.Cert, []string{"-crl", crl(revocationtest.NotYetValid), "-crl", files.ARL}, "rejected: revocation: .*not yet valid.*"},
		{"a CRL that is wrongly signed", leaf.Cert, []string{"-crl", crl(revocationtest.WrongSignature), "-crl", files.ARL}, "rejected: revocation: .*signature.*"},
		{"a CRL of another issuer", leaf.Cert, []string{"-crl", crl(revocationtest.WrongIssuer), "-crl", files.ARL}, "rejected: revocation: .*"},
		{"a CRL of another partition", leaf.Cert, []string{"-crl", crl(revocationtest.WrongScope), "-crl", files.ARL}, "rejected: revocation: .*"},
		{"an OCSP answer of unknown", leaf.Cert, []string{"-ocsp", response(revocationtest.UnknownSerial, leaf.Leaf), "-crl", files.ARL}, "rejected: revocation: .*"},
		{"an expired OCSP answer", leaf.Cert, []string{"-ocsp", response(revocationtest.Expired, leaf.Leaf), "-crl", files.ARL}, "rejected: revocation: .*expired.*"},
		{"an OCSP answer for another serial", leaf.Cert, []string{"-ocsp", response(revocationtest.WrongScope, leaf.Leaf), "-crl", files.ARL}, "rejected: revocation: .*"},
		{"an OCSP answer that is unsigned", leaf.Cert, []string{"-ocsp", response(revocationtest.Unsigned, leaf.Leaf), "-crl", files.ARL}, "rejected: revocation: .*"},
		{"all of it a year later", leaf.Cert, []string{"-at", later, "-crl", files.CRL, "-crl", files.ARL}, "rejected: revocation: .*expired.*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"-roots", files.Roots, "-subcas", files.SubCAs}, test.args...)
			line, _ := verify(t, append(args, test.cert)...)
			assert.Regexp(t, "^"+test.wants+"$", line)
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	leaf := files.Leaf(t, name)
	// damaged appends to a file a second object that change has spoilt.
	damaged := func(file string, change func(text string) string) string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		spoilt := filepath.Join(t.TempDir(), filepath.Base(file))
		require.NoError(t, os.WriteFile(spoilt, []byte(string(text)+change(string(text))), 0o600))
		return spoilt
	}
	cut := func(text string) string { return text[:len(text)/2] }
	noBase64 := func(text string) string { return strings.Replace(text, "\nM", "\n@", 1) }
	noDash := func(text string) string { return text[1:] }
	indented := func(text string) string { return " " + text }
	der := filepath.Join(t.TempDir(), "leaf.der")
	require.NoError(t, os.WriteFile(der, leaf.Leaf.Raw, 0o600))
	pins := []string{"-roots", files.Roots, "-subcas", files.SubCAs}
	with := func(more ...string) []string { return append(pins[:len(pins):len(pins)], more...) }
	for _, test := range []struct {
		name   string
		args   []string
		status int
	}{
		{"a leaf in DER", with("-crl", files.CRL, "-crl", files.ARL, der), accepted},
		{"no chain", pins, unusable},
		{"two chains", with(leaf.Cert, leaf.Cert), unusable},
		{"no pins", []string{leaf.Cert}, unusable},
		{"a file that is not there", with(filepath.Join(t.TempDir(), "none.pem")), unusable},
		{"a key where a certificate belongs", with(leaf.Key), unusable},
		{"a CRL where a certificate belongs", with(files.CRL), unusable},
		{"a leaf pinned as a SubCA", []string{"-roots", files.Roots, "-subcas", leaf.Cert, leaf.Cert}, unusable},
		{"a time that is none", with("-at", "yesterday", leaf.Cert), unusable},
		{"a usage that is none", with("-usage", "both", leaf.Cert), unusable},
		{"revocation half off", with("-revocation", "maybe", leaf.Cert), unusable},
		{"revocation off and a CRL", with("-revocation", "off", "-crl", files.CRL, leaf.Cert), unusable},
		{"a second CRL that is cut off", with("-crl", damaged(files.CRL, cut), "-crl", files.ARL, leaf.Cert), unusable},
		{"a second CRL that is not base64", with("-crl", damaged(files.CRL, noBase64), "-crl", files.ARL, leaf.Cert), unusable},
		{"a second CRL that lacks a dash", with("-crl", damaged(files.CRL, noDash), "-crl", files.ARL, leaf.Cert), unusable},
		{"a second CRL that is indented", with("-crl", damaged(files.CRL, indented), "-crl", files.ARL, leaf.Cert), unusable},
		{"a second SubCA that is cut off", []string{"-roots", files.Roots, "-subcas", damaged(files.SubCAs, cut), leaf.Cert}, unusable},
		{"a chain that is cut off", with("-crl", files.CRL, "-crl", files.ARL, damaged(leaf.Cert, cut)), unusable},
		{"a further CA that is not there", with("-revocation", "off", "-ca", "nowhere.pem", leaf.Cert), unusable},
		{"a flag that is none", with("-force", leaf.Cert), unusable},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, status := verify(t, test.args...)
			assert.Equal(t, test.status, status, out)
		})
	}
}
