// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// TestMain runs the program itself in a process that a test has started for it.
func TestMain(m *testing.M) {
	if os.Getenv("CRLS_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// An estate is a Spine whose root signs a list without a distribution point of its
// own, which nginx and HAProxy can read, and files of it.
type estate struct {
	root, subCA             *x509.Certificate
	subCAKey                *rsa.PrivateKey
	authority               *revocationtest.Authority // of the SubCA
	rootURL                 string
	dir                     string
	roots, subCAs, cas, crl string // files
	serial                  int64
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{dir: t.TempDir(), subCAKey: testca.RSA("SubCA")}
	rootKey := testca.RSA("root of " + e.dir) // each estate's own
	e.root = e.sign(t, "Root", nil, rootKey, &rootKey.PublicKey, nil)
	e.subCA = e.sign(t, "SubCA", e.root, rootKey, &e.subCAKey.PublicKey, nil)
	e.authority = revocationtest.NewAuthority(e.subCA, e.subCAKey)
	t.Cleanup(e.authority.Close)
	list := revocationtest.CRL{Issuer: e.root, Key: rootKey}.DER()
	root := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(list) }))
	t.Cleanup(root.Close)
	e.rootURL = root.URL + "/root.crl"
	e.roots = e.write(t, "roots.pem", "CERTIFICATE", e.root.Raw)
	e.subCAs = e.write(t, "subcas.pem", "CERTIFICATE", e.subCA.Raw)
	e.cas = e.write(t, "cas.pem", "CERTIFICATE", e.root.Raw, e.subCA.Raw)
	e.crl = filepath.Join(e.dir, "crls.pem")
	return e
}

// sign makes a certificate, of a CA if there is no distribution point.
func (e *estate) sign(t *testing.T, name string, parent *x509.Certificate, by *rsa.PrivateKey, public *rsa.PublicKey, points []string) *x509.Certificate {
	t.Helper()
	e.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(e.serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, CRLDistributionPoints: points,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if points == nil {
		template.IsCA, template.BasicConstraintsValid, template.ExtKeyUsage = true, true, nil
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	return testca.Sign(template, parent, public, by)
}

// leaf issues a peer's certificate.
func (e *estate) leaf(t *testing.T, fqdn string) tls.Certificate {
	cert := e.sign(t, fqdn, e.subCA, e.subCAKey, &testca.RSA("leaf").PublicKey, []string{e.authority.CRLURL(7)})
	return tls.Certificate{Certificate: [][]byte{cert.Raw, e.subCA.Raw}, PrivateKey: testca.RSA("leaf"), Leaf: cert}
}

func (e *estate) write(t *testing.T, name, kind string, ders ...[]byte) string {
	t.Helper()
	return testca.WritePEM(e.dir, name, kind, ders...)
}

// pair writes a certificate with its chain and its key.
func (e *estate) pair(t *testing.T, name string, cert tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	return e.write(t, name+".pem", "CERTIFICATE", cert.Certificate...), e.write(t, name+".key", "PRIVATE KEY", key)
}

// args are the flags that every run has.
func (e *estate) args(t *testing.T, more ...string) []string {
	t.Helper()
	peer := filepath.Join(e.dir, "peer.pem")
	if _, err := os.Stat(peer); err != nil {
		e.pair(t, "peer", e.leaf(t, "ssp.nhs.uk"))
	}
	return slices.Clip(append([]string{"-roots", e.roots, "-subcas", e.subCAs, "-url", e.rootURL, "-cert", peer}, more...))
}
