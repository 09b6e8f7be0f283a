package openssl_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

const (
	serverName = "server.nhs.uk"
	clientName = "client.nhs.uk"
)

// key returns the process's RSA key of that name: making one takes long.
func key(name string) *rsa.PrivateKey {
	keysMu.Lock()
	defer keysMu.Unlock()
	if keys[name] == nil {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[name] = k
	}
	return keys[name]
}

var (
	keysMu sync.Mutex
	keys   = map[string]*rsa.PrivateKey{}
)

// pki is a root with the authentication SubCA and a sibling of it.
type pki struct {
	root, subCA, sibling *x509.Certificate

	mu      sync.Mutex
	serial  int64
	revoked map[string]bool
}

// spine is the tests' PKI.
var spine = sync.OnceValue(func() *pki {
	p := &pki{revoked: map[string]bool{}}
	ca := func(name string, parent *x509.Certificate, signer *rsa.PrivateKey) *x509.Certificate {
		template := p.template(name)
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		if parent == nil {
			parent = template
		}
		return p.sign(template, parent, &key(name).PublicKey, signer)
	}
	p.root = ca("root", nil, key("root"))
	p.subCA = ca("subca", p.root, key("root"))
	p.sibling = ca("sibling", p.root, key("root"))
	return p
})

func (p *pki) template(name string) *x509.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(p.serial),
		Subject:      pkix.Name{Organization: []string{"nhs"}, CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}

func (p *pki) sign(template, parent *x509.Certificate, pub *rsa.PublicKey, signer *rsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, signer)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// leaf issues a certificate for name, as change has it.
func (p *pki) leaf(name string, change ...func(*x509.Certificate)) tls.Certificate {
	return p.leafOf(p.subCA, "subca", name, change...)
}

// siblingLeaf issues it from the SubCA that is not pinned.
func (p *pki) siblingLeaf(name string) tls.Certificate {
	return p.leafOf(p.sibling, "sibling", name)
}

func (p *pki) leafOf(ca *x509.Certificate, caKey, name string, change ...func(*x509.Certificate)) tls.Certificate {
	template := p.template(name)
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, f := range change {
		f(template)
	}
	k := key("leaf")
	cert := p.sign(template, ca, &k.PublicKey, key(caKey))
	return tls.Certificate{Certificate: [][]byte{cert.Raw, ca.Raw}, PrivateKey: k, Leaf: cert}
}

func (p *pki) revoke(cert tls.Certificate) tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked[cert.Leaf.SerialNumber.String()] = true
	return cert
}

// Check is the tests' revocation checker.
func (p *pki) Check(_ context.Context, chain []*x509.Certificate, _ []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revoked[chain[0].SerialNumber.String()] {
		return &revocation.RevokedError{Cert: chain[0], Serial: chain[0].SerialNumber}
	}
	return nil
}

func (p *pki) pins() *tlsconfig.Pins {
	pins, err := tlsconfig.NewPins([]*x509.Certificate{p.root}, []*x509.Certificate{p.subCA})
	if err != nil {
		panic(err)
	}
	return pins
}

// endpoint presents cert and accepts peer.
func (p *pki) endpoint(cert tls.Certificate, peer string) *tlsconfig.Endpoint {
	return &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(cert),
		Peer:        tlsconfig.Verifier{Pins: p.pins(), FQDNs: []string{peer}, Revocation: p},
	}
}

func (p *pki) serverEndpoint() *tlsconfig.Endpoint { return p.endpoint(p.leaf(serverName), clientName) }
func (p *pki) clientEndpoint() *tlsconfig.Endpoint { return p.endpoint(p.leaf(clientName), serverName) }

// files writes cert, its key and the root as PEM.
func (p *pki) files(t testing.TB, cert tls.Certificate) (certFile, keyFile, rootFile string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, ders ...[]byte) string {
		var out []byte
		for _, der := range ders {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
		}
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, out, 0o600))
		return file
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	return write("cert.pem", "CERTIFICATE", cert.Certificate...), write("key.pem", "PRIVATE KEY", der),
		write("root.pem", "CERTIFICATE", p.root.Raw)
}

// need skips the test if what it talks to is not installed, and fails it where
// nothing may be skipped.
func need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

func needLibrary(t testing.TB) {
	t.Helper()
	need(t, openssl.Available())
}
