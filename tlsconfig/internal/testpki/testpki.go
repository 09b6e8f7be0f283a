// SPDX-License-Identifier: Apache-2.0

// Package testpki is a small PKI for the tests of what speaks TLS by other means
// than crypto/tls. spinetest is nearer to the Spine; here everything is known to
// the test, the keys and the complete CRLs included.
package testpki

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Key returns the process's RSA key of that name.
func Key(name string) *rsa.PrivateKey { return testca.RSA(name) }

// A PKI is a root with the authentication SubCA and a sibling of it.
type PKI struct {
	Root, SubCA, Sibling *x509.Certificate

	mu      sync.Mutex
	serial  int64
	revoked map[string]*x509.Certificate
}

// Spine is the process's PKI.
var Spine = sync.OnceValue(func() *PKI { return New(pkix.Name{Organization: []string{"nhs"}, CommonName: "subca"}) })

// New returns another PKI, whose SubCA has the given name.
func New(subCA pkix.Name) *PKI {
	p := &PKI{revoked: map[string]*x509.Certificate{}}
	ca := func(name string, parent *x509.Certificate, signer *rsa.PrivateKey) *x509.Certificate {
		template := p.template(name)
		if name == "subca" {
			template.Subject = subCA
		}
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		return testca.Sign(template, parent, &Key(name).PublicKey, signer)
	}
	p.Root = ca("root", nil, Key("root"))
	p.SubCA = ca("subca", p.Root, Key("root"))
	p.Sibling = ca("sibling", p.Root, Key("root"))
	return p
}

func (p *PKI) template(name string) *x509.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(p.serial),
		Subject:      pkix.Name{Organization: []string{"nhs"}, CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
}

// Leaf issues a certificate for name, as change has it.
func (p *PKI) Leaf(name string, change ...func(*x509.Certificate)) tls.Certificate {
	return p.leafOf(p.SubCA, "subca", name, change...)
}

// SiblingLeaf issues it from the SubCA that is not pinned.
func (p *PKI) SiblingLeaf(name string) tls.Certificate {
	return p.leafOf(p.Sibling, "sibling", name)
}

// RootLeaf issues it from the root.
func (p *PKI) RootLeaf(name string) tls.Certificate { return p.leafOf(p.Root, "root", name) }

// LeafBelow issues it from a CA that the SubCA has issued, and presents that one, too.
func (p *PKI) LeafBelow(name string) tls.Certificate {
	template := p.template("below")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	below := testca.Sign(template, p.SubCA, &Key("below").PublicKey, Key("subca"))
	cert := p.leafOf(below, "below", name)
	cert.Certificate = append(cert.Certificate, p.SubCA.Raw)
	return cert
}

// ECDSALeaf issues it for a key that none of the suites authenticates with.
func (p *PKI) ECDSALeaf(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := p.template(name)
	template.BasicConstraintsValid = true
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	cert := testca.Sign(template, p.SubCA, &key.PublicKey, Key("subca"))
	return tls.Certificate{Certificate: [][]byte{cert.Raw, p.SubCA.Raw}, PrivateKey: key, Leaf: cert}
}

func (p *PKI) leafOf(ca *x509.Certificate, caKey, name string, change ...func(*x509.Certificate)) tls.Certificate {
	template := p.template(name)
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, f := range change {
		f(template)
	}
	k := Key("leaf")
	cert := testca.Sign(template, ca, &k.PublicKey, Key(caKey))
	return tls.Certificate{Certificate: [][]byte{cert.Raw, ca.Raw}, PrivateKey: k, Leaf: cert}
}

// Revoke returns cert, revoked.
func (p *PKI) Revoke(cert tls.Certificate) tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked[cert.Leaf.SerialNumber.String()] = cert.Leaf
	return cert
}

// Check is a revocation checker.
func (p *PKI) Check(_ context.Context, chain []*x509.Certificate, _ []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revoked[chain[0].SerialNumber.String()] != nil {
		return &revocation.RevokedError{Cert: chain[0], Serial: chain[0].SerialNumber}
	}
	return nil
}

// Pins pins Root and SubCA.
func (p *PKI) Pins() *tlsconfig.Pins {
	pins, err := tlsconfig.NewPins([]*x509.Certificate{p.Root}, []*x509.Certificate{p.SubCA})
	if err != nil {
		panic(err)
	}
	return pins
}

// Endpoint presents cert and accepts peer.
func (p *PKI) Endpoint(cert tls.Certificate, peer string) *tlsconfig.Endpoint {
	return &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(cert),
		Verifier:    tlsconfig.Verifier{Pins: p.Pins(), FQDNs: []string{peer}, Revocation: p},
	}
}

// Unchanged asks a source of files twice, a minute apart in t's bubble, and returns
// what it answered both times. asked counts how often it wanted the password.
func Unchanged(t testing.TB, source tlsconfig.CertificateSource, asked *int) *tls.Certificate {
	t.Helper()
	first, err := source(t.Context())
	require.NoError(t, err)
	time.Sleep(time.Minute)
	again, err := source(t.Context())
	require.NoError(t, err)
	require.Same(t, first, again)
	require.Equal(t, 1, *asked, "what has not changed is not decrypted again")
	return first
}

// A Files names PEM files.
type Files struct{ Cert, Key, CAs, CRLs string }

// Write writes cert with its chain, its key, the pinned CAs, and complete CRLs
// of these. The key's name is that of the certificate with .key appended.
func (p *PKI) Write(t testing.TB, cert tls.Certificate) Files {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	write := func(name, kind string, ders ...[]byte) string {
		return testca.WritePEM(dir, name, kind, ders...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	return Files{
		Cert: write("cert.pem", "CERTIFICATE", cert.Certificate...),
		Key:  write("cert.pem.key", "PRIVATE KEY", key),
		CAs:  write("cas.pem", "CERTIFICATE", p.SubCA.Raw, p.Root.Raw),
		CRLs: write("crls.pem", "X509 CRL", p.crl(t, p.Root, "root"), p.crl(t, p.SubCA, "subca")),
	}
}

// crl is a complete CRL of the CA.
func (p *PKI) crl(t testing.TB, ca *x509.Certificate, key string) []byte {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, cert := range p.revoked {
		if bytes.Equal(cert.RawIssuer, ca.RawSubject) {
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
				x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)})
		}
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca, Key(key))
	require.NoError(t, err)
	return der
}
