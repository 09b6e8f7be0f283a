// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func TestPinsAreCAsOfOneTree(t *testing.T) {
	s := rsaSpine(t)
	other := newRoot(t, "Another Root", "impostor")
	namesake := newRoot(t, "NHS PTL Root Authority G2", "impostor")
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	edit := func(edits ...func(*x509.Certificate)) []*x509.Certificate {
		return []*x509.Certificate{s.root.issueCA(t, "A SubCA", testca.RSA("subca"), edits...).cert}
	}
	root, subCA := []*x509.Certificate{s.root.cert}, []*x509.Certificate{s.subCA.cert}
	shallow := newRoot(t, "Shallow Root", "root", func(c *x509.Certificate) { c.MaxPathLenZero = true })

	for _, test := range []struct {
		name          string
		roots, subCAs []*x509.Certificate
		want          string // part of the error; empty: accepted
	}{
		{"one root and one SubCA", root, subCA, ""},
		{"a certificate twice", slices.Concat(root, root), slices.Concat(subCA, subCA), ""},
		{"two SubCAs of one root", root, []*x509.Certificate{s.subCA.cert, s.sibling.cert}, ""},
		{"a root that issued none of them", []*x509.Certificate{other.cert, s.root.cert}, subCA, ""},
		{"a SubCA with an ECDSA key", root, []*x509.Certificate{s.root.issueCA(t, "EC", ecKey).cert}, ""},

		{"no root", nil, subCA, "no root"},
		{"no SubCA", root, nil, "no SubCA"},
		{"nil among the roots", []*x509.Certificate{nil}, subCA, "not a parsed certificate"},
		{"nil among the SubCAs", root, []*x509.Certificate{nil}, "not a parsed certificate"},
		{"a leaf among the roots", []*x509.Certificate{s.subCA.issue(t, sspName).Leaf}, subCA, "not a CA certificate"},
		{"a leaf among the SubCAs", root, []*x509.Certificate{s.subCA.issue(t, sspName).Leaf}, "not a CA certificate"},
		{"the root among the SubCAs", root, root, "both as a root and as a SubCA"},
		{"roots and SubCAs mixed up", subCA, root, "no pinned root issued"},
		{"a SubCA of another root", []*x509.Certificate{other.cert}, subCA, "no pinned root issued"},
		{"a SubCA of a root with the same name", []*x509.Certificate{namesake.cert}, subCA, "no pinned root issued"},
		{"one SubCA of the root and one of another", root, []*x509.Certificate{s.subCA.cert, other.issueCA(t, "X", testca.RSA("subca")).cert}, "no pinned root issued"},
		{"a SubCA signed with SHA-1", root, edit(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), "no pinned root issued"},
		{"a root below which no CA may stand", []*x509.Certificate{shallow.cert}, []*x509.Certificate{shallow.issueCA(t, "X", testca.RSA("subca")).cert}, "no pinned root issued"},
		{"a SubCA that must not sign certificates", root, edit(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), "must not sign certificates"},
		{"a SubCA with an unknown critical extension", root, edit(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), "unknown critical extension"},
		{"a SubCA for e-mail and servers", root, edit(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageServerAuth}
		}), ""},
		{"a SubCA for clients", root, edit(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), ""},
		{"a SubCA for any use", root, edit(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), ""},
		{"a SubCA for e-mail", root, edit(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }), "neither clientAuth nor serverAuth"},
		{"a SubCA for an unknown use", root, edit(func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }), "neither clientAuth nor serverAuth"},
		{"a SubCA with an RSA key of 1024 bits", root, []*x509.Certificate{s.root.issueCA(t, "X", testca.RSAOf("weak", 1024)).cert}, "1024 bits"},
		{"a SubCA with an ECDSA key of 224 bits", root, []*x509.Certificate{s.root.issueCA(t, "X", p224).cert}, "224 bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pins, err := tlsconfig.NewPins(test.roots, test.subCAs)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				require.Nil(t, pins)
				return
			}
			require.NoError(t, err)
			require.Subset(t, test.roots, pins.Roots())
			require.Subset(t, test.subCAs, pins.SubCAs())
			pins.SubCAs()[0] = nil
			require.NotNil(t, pins.SubCAs()[0], "the slice is the caller's")
		})
	}
}

func TestPinsAreReadFromPEMFiles(t *testing.T) {
	s := rsaSpine(t)
	dir := t.TempDir()
	roots := writeFile(t, dir, "roots.pem", certPEM(s.root.cert.Raw))
	pair := certPEM(s.subCA.cert.Raw, s.sibling.cert.Raw)

	for _, test := range []struct {
		name   string
		subCAs []byte
		want   string
	}{
		{"two certificates", pair, ""},
		{"text before the certificates", append([]byte("Certificate:\n    Data: ...\n"), pair...), ""},
		{"an empty file", nil, "no PEM certificate"},
		{"DER", s.subCA.cert.Raw, "binary"},
		{"a key", keyPEM(t, s.subCA.key), "not a CERTIFICATE"},
		{"a second certificate that is cut short", pair[:len(pair)-100], "damaged"},
		{"a first certificate that is damaged", append([]byte("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), pair...), "damaged"},
		{"a certificate that is none", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "x509"},
		{"more than a mebibyte", make([]byte, 1<<20+1), "larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := writeFile(t, t.TempDir(), "subcas.pem", test.subCAs)
			pins, err := tlsconfig.LoadPins(roots, file)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				require.ErrorContains(t, err, file)
				return
			}
			require.NoError(t, err)
			require.Len(t, pins.SubCAs(), 2)
		})
	}
	t.Run("a file that is not there", func(t *testing.T) {
		_, err := tlsconfig.LoadPins(dir+"/none.pem", roots)
		require.ErrorContains(t, err, "none.pem")
	})
}
