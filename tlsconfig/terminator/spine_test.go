// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// Every variation of a Spine's certificate that is wrong, by the names of spinetest.
var spinesBad = map[string]func(p *spinetest.PKI) tls.Certificate{
	"self-signed":           spines(spinetest.SelfSigned()),
	"of the sibling SubCA":  spines(spinetest.FromOtherSubCA()),
	"of the root":           spines(spinetest.FromRoot()),
	"of a CA of that name":  spines(spinetest.FromNamesake()),
	"expired":               spines(spinetest.Expired()),
	"not yet valid":         spines(spinetest.NotYetValid()),
	"RSA 1024":              spines(spinetest.Bits(1024)),
	"SHA-1":                 spines(spinetest.SHA1()),
	"ECDSA":                 spines(spinetest.ECDSA()),
	"the CA bit":            spines(spinetest.AsCA()),
	"for code signing":      spines(spinetest.Usages(x509.ExtKeyUsageCodeSigning)),
	"for servers":           spines(spinetest.Usages(x509.ExtKeyUsageServerAuth)),
	"for any usage":         spines(spinetest.Usages(x509.ExtKeyUsageAny)),
	"no extKeyUsage":        spines(spinetest.Usages()),
	"no digitalSignature":   spines(spinetest.Template(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })),
	"two common names":      spines(spinetest.CommonNames("other.example.org")),
	"another SAN":           spines(spinetest.WithSAN("other.example.org")),
	"a SAN of an address":   spines(spinetest.Template(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })),
	"a wildcard in the SAN": spines(spinetest.WithSAN("*.nhs.uk")),
	"another FQDN":          named("not-" + sspFQDN),
	"a subdomain":           named("sub." + sspFQDN),
	"a name that it begins": named(sspFQDN + ".example.org"),
	"the domain":            named("nhs.uk"),
	"a wildcard":            named("*.nhs.uk"),
	"a trailing dot":        named(sspFQDN + "."),
	"a NUL":                 named(sspFQDN + "\x00.example.org"),
	"no common name":        named(""),
	"two, its own the last": func(p *spinetest.PKI) tls.Certificate {
		return p.Issue("other.example.org", spinetest.CommonNames(sspFQDN))
	},
	"a critical extension": spines(spinetest.Template(func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 826, 0, 1275, 999}, Critical: true, Value: []byte{5, 0}})
	})),
	"revoked": func(p *spinetest.PKI) tls.Certificate {
		cert := p.Issue(sspFQDN)
		p.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{})
		return cert
	},
}

func spines(variations ...spinetest.Variation) func(*spinetest.PKI) tls.Certificate {
	return func(p *spinetest.PKI) tls.Certificate { return p.Issue(sspFQDN, variations...) }
}

func named(name string) func(*spinetest.PKI) tls.Certificate {
	return func(p *spinetest.PKI) tls.Certificate { return p.Issue(name) }
}

// Whatever is wrong about a Spine's certificate, it gets past no program and its front,
// although nginx and HAProxy can go by none of the Spine's lists.
func TestSpinesCertificatesBehindEachProgram(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts three programs and presents more than thirty certificates to each")
	}
	forEachFronted(t, func(t *testing.T, p proxy, form front.Form) {
		pki := spinetest.NewPKI()
		t.Cleanup(pki.Close)
		b := startBackend(t, pki.Endpoint(serverFQDN, sspFQDN).Verifier, form, "")
		dir := t.TempDir()
		write := func(name, kind string, ders ...[]byte) string {
			return testca.WritePEM(dir, name, kind, ders...)
		}
		addr := p.startWith(t, testpki.Spine(), func(params *terminator.Params) { // which it presents
			params.Backend, params.FQDNs, params.Pins = b.address, nil, pki.Pins()
			params.CAs = write("cas.pem", "CERTIFICATE", pki.SubCA.Raw, pki.Root.Raw)
			if p.program == terminator.Apache {
				params.CRLs, params.LeafCRLs = write("crls.pem", "X509 CRL", pki.Authority.CRL(7), pki.RootService.ARL()), true
			} else {
				params.CRLs, params.AllowNoCRLs = "", true
			}
		})
		ask := func(cert tls.Certificate) bool { return b.serves(t, addr, cert) }
		require.True(t, ask(pki.Issue(sspFQDN)))
		assert.True(t, ask(pki.Issue(sspFQDN, spinetest.WithSAN(sspFQDN))), "refused: a subjectAltName")
		for name, issue := range spinesBad {
			assert.False(t, ask(issue(pki)), "served: %s", name)
		}
		assert.True(t, ask(pki.Issue(sspFQDN)), "it still serves")
	})
}

// The kit's whole table of cases, connections that stay open among them, finds nothing
// wrong with a server behind nginx, whose own pages are refusals.
func TestServiceBehindNginxIsRight(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("lets a certificate expire")
	}
	p := proxies[slices.IndexFunc(proxies, func(p proxy) bool { return p.program == terminator.Nginx })]
	testenv.Need(t, p.binary, p.debian)
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	b := startBackend(t, pki.Endpoint(serverFQDN, sspFQDN).Verifier, front.Nginx, "")
	cas := filepath.Join(t.TempDir(), "cas.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pki.SubCA.Raw}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pki.Root.Raw})...)
	require.NoError(t, os.WriteFile(cas, text, 0o600))
	addr := p.startWith(t, testpki.Spine(), func(params *terminator.Params) { // which it presents
		params.Backend, params.FQDNs, params.Pins, params.CAs = b.address, nil, pki.Pins(), cas
		params.CRLs, params.AllowNoCRLs = "", true
	})
	spinetest.RunService(t, pki, sspFQDN, "https://"+addr+"/")
}
