// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A PKI is a Spine's certificates and revocation services. It is safe for
// concurrent use.
type PKI struct {
	Root        *x509.Certificate
	SubCA       *x509.Certificate         // issues to systems; the one that Pins pins
	OtherSubCA  *x509.Certificate         // of the same root, for another purpose; issues nothing that may open a connection
	Authority   *revocationtest.Authority // revokes what SubCA issued
	RootService *revocationtest.Authority // revokes the SubCAs

	// Time is the clock of everything that the PKI makes; nil: time.Now. It
	// must not change once the PKI is in use. See Now and Pass.
	Time func() time.Time

	root, subCA, other issuer
	namesake, below    func() issuer
	fetcher            *revocation.HTTPFetcher
	hosts              hosts
	ahead              atomic.Int64 // what was let pass
}

// An issuer is a CA that signs leaves.
type issuer struct {
	cert    *x509.Certificate
	key     *rsa.PrivateKey
	service *revocationtest.Authority // where its leaves' revocation is published
	above   *x509.Certificate         // the CA between it and the root; nil: none
}

// The keys of CAs that no PKI pins are the process's: making one takes long.
var (
	namesakeKey = sync.OnceValue(func() *rsa.PrivateKey { return testca.NewRSA(2048) })
	belowKey    = sync.OnceValue(func() *rsa.PrivateKey { return testca.NewRSA(2048) })
)

// NewPKI makes a PKI; the caller should Close it.
func NewPKI() *PKI {
	p := new(PKI)
	var wg sync.WaitGroup
	for _, ca := range []*issuer{&p.root, &p.subCA, &p.other} {
		wg.Go(func() { ca.key = testca.NewRSA(2048) })
	}
	wg.Wait()

	root := authority("Test Root Authority")
	p.root.cert = testca.Sign(root, root, &p.root.key.PublicKey, p.root.key)
	p.root.serve(p)
	for name, ca := range map[string]*issuer{"Test Authentication": &p.subCA, "Test Signing": &p.other} {
		template := authority(name)
		template.CRLDistributionPoints = []string{p.root.service.ARLURL()}
		ca.cert = testca.Sign(template, p.root.cert, &ca.key.PublicKey, p.root.key)
		ca.serve(p)
	}
	p.namesake = sync.OnceValue(func() issuer {
		key := namesakeKey()
		template := authority("Test Authentication")
		template.SubjectKeyId = p.SubCA.SubjectKeyId
		// Its leaves name the CRLs of the real one: that is what a forger would do.
		return issuer{cert: testca.Sign(template, template, &key.PublicKey, key), key: key, service: p.Authority}
	})
	p.below = sync.OnceValue(func() issuer {
		key := belowKey()
		template := authority("Test Authority Below")
		template.CRLDistributionPoints = []string{p.Authority.ARLURL()}
		return issuer{cert: testca.Sign(template, p.SubCA, &key.PublicKey, p.subCA.key), key: key, service: p.Authority, above: p.SubCA}
	})
	var addresses []string
	for _, ca := range []issuer{p.root, p.subCA, p.other} {
		addresses = append(addresses, strings.TrimPrefix(ca.service.URL, "http://"))
	}
	p.fetcher = &revocation.HTTPFetcher{Hosts: revocation.AllowHosts(addresses...)}
	p.Root, p.SubCA, p.OtherSubCA = p.root.cert, p.subCA.cert, p.other.cert
	p.Authority, p.RootService = p.subCA.service, p.root.service
	return p
}

func (i *issuer) serve(p *PKI) {
	i.service = revocationtest.NewAuthority(i.cert, i.key)
	i.service.Time = p.Now
}

// Close ends the revocation services.
func (p *PKI) Close() {
	for _, ca := range []issuer{p.root, p.subCA, p.other} {
		ca.service.Close()
	}
}

// Pins returns pins of Root and SubCA.
func (p *PKI) Pins() *tlsconfig.Pins {
	pins, err := tlsconfig.NewPins([]*x509.Certificate{p.Root}, []*x509.Certificate{p.SubCA})
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	return pins
}

// Fetcher returns a Fetcher that reaches the revocation services of this PKI,
// over HTTP, and nothing else.
func (p *PKI) Fetcher() revocation.Fetcher { return p.fetcher }

// Now is the clock of everything that the PKI makes: that of Time, and what was
// let pass. What is built without Endpoint goes by it too if it is given Now as
// its Time: a Verifier, a Checker, CRLs and OCSP. Then tests need not wait.
func (p *PKI) Now() time.Time {
	now := time.Now
	if p.Time != nil {
		now = p.Time
	}
	return now().Add(time.Duration(p.ahead.Load()))
}

// Pass lets time pass for Now.
func (p *PKI) Pass(d time.Duration) { p.ahead.Add(int64(d)) }

// authority returns the template of a CA.
func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{Country: []string{"GB"}, Organization: []string{"nhs"}, OrganizationalUnit: []string{"CA"}, CommonName: name},
		NotBefore:             time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}
