// SPDX-License-Identifier: Apache-2.0

// Package exampletest is what the tests of the examples share.
package exampletest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// spine is the process's Spine. Tests, which run in parallel, revoke no certificate but
// their own, have nothing fail and give no server a name: see OwnFiles.
var spine = sync.OnceValue(spinetest.NewPKI)

// Files is a Spine in memory whose certificates and lists are in files.
type Files struct {
	PKI    *spinetest.PKI
	Roots  string
	SubCAs string
	CRL    string // of the batch that leaves are in unless a variation says otherwise
	ARL    string // of the SubCAs

	dir    string
	leaves atomic.Int64
}

// NewFiles writes files of the process's Spine, which last until the test ends.
func NewFiles(t testing.TB) *Files { return filesOf(t, spine()) }

// OwnFiles is NewFiles of a Spine for the test alone, with which it does as it likes.
func OwnFiles(t testing.TB) *Files {
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	return filesOf(t, pki)
}

func filesOf(t testing.TB, pki *spinetest.PKI) *Files {
	f := &Files{PKI: pki, dir: t.TempDir()}
	f.Roots = f.Write(t, "roots.pem", "CERTIFICATE", f.PKI.Root.Raw)
	f.SubCAs = f.Write(t, "subcas.pem", "CERTIFICATE", f.PKI.SubCA.Raw)
	f.WriteCRLs(t)
	return f
}

// WriteCRLs writes the lists as they are now.
func (f *Files) WriteCRLs(t testing.TB) {
	f.CRL = f.Write(t, "crl.pem", "X509 CRL", f.PKI.Authority.CRL(7))
	f.ARL = f.Write(t, "arl.pem", "X509 CRL", f.PKI.RootService.ARL())
}

// Write writes PEM objects of one kind to a file and returns its path.
func (f *Files) Write(t testing.TB, name, kind string, ders ...[]byte) string {
	t.Helper()
	return testca.WritePEM(f.dir, name, kind, ders...)
}

// A Pair is a certificate with its chain, and its key, in files.
type Pair struct {
	Cert, Key string
	Leaf      *x509.Certificate
}

// Leaf issues a certificate and writes it.
func (f *Files) Leaf(t testing.TB, fqdn string, variations ...spinetest.Variation) Pair {
	return f.WritePair(t, f.PKI.Issue(fqdn, variations...))
}

// WritePair writes a certificate and its key.
func (f *Files) WritePair(t testing.TB, cert tls.Certificate) Pair {
	n := f.leaves.Add(1)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	return Pair{
		Cert: f.Write(t, fmt.Sprintf("leaf%d.pem", n), "CERTIFICATE", cert.Certificate...),
		Key:  f.Write(t, fmt.Sprintf("leaf%d.key", n), "PRIVATE KEY", key),
		Leaf: cert.Leaf,
	}
}
