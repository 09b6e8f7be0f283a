// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestCRLSigner(t *testing.T) {
	p := newCRLPKI(t)
	type list = revocationtest.CRL
	// Certificates in the CA's name for another key, as for a CRL key apart from
	// the CA's or a new key.
	apart := func(issuer *ocspParty, change func(*x509.Certificate)) *ocspParty {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(50), Subject: p.ca.cert.Subject, SubjectKeyId: []byte("apart"), KeyUsage: x509.KeyUsageCRLSign,
		}
		change(template)
		return ocspIssue(t, template, testca.EC("other"), issuer)
	}
	asIs := func(*x509.Certificate) {}
	crlKey := apart(p.root, asIs)
	newKey := apart(p.ca, func(c *x509.Certificate) { // new with old
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCRLSign|x509.KeyUsageCertSign
	})
	stranger := ocspIssue(t, crlCA("Root", 1), testca.EC("other"), nil)
	rootCRL, caCRL := p.root.crl(), p.ca.crl()
	forCAs := revocationtest.Scope{OnlyCACerts: true}
	oneHop := ocspIssue(t, crlCA("Intermediate", 60), testca.EC("leaf"), p.root)

	for _, c := range []struct {
		name    string
		issuers []*ocspParty
		crls    []list
		want    crlVerdict
	}{
		{"the CA", nil, []list{caCRL}, good},
		{"another key in the CA's name", nil, []list{with(caCRL, func(c *list) { c.Key = p.other.key })}, unknown(revocation.ErrSignature)},
		{"a key of the CA's that the root certified", []*ocspParty{crlKey}, []list{crlKey.crl(), rootCRL}, good},
		{"a key of the CA's that the root certified, listing the certificate", []*ocspParty{crlKey}, []list{crlKey.crl(leafSerial), rootCRL}, revokedFor(revocation.ReasonUnspecified)},
		{"a key of the CA's without a certificate", nil, []list{crlKey.crl(), rootCRL}, unknown(revocation.ErrSignature)},
		{"a key of the CA's that was revoked", []*ocspParty{crlKey}, []list{crlKey.crl(), p.root.crl(50)}, unknown(revocation.ErrSignature)},
		{"a key of the CA's that may have been revoked", []*ocspParty{crlKey}, []list{crlKey.crl()}, unknown(revocation.ErrSignature)},
		{"a key certified by another root", []*ocspParty{apart(stranger, asIs), stranger}, []list{crlKey.crl(), with(rootCRL, func(c *list) { c.Key = stranger.key })}, unknown(revocation.ErrSignature)},
		{"a key whose certificate is in another name", []*ocspParty{apart(p.root, func(c *x509.Certificate) { c.Subject.CommonName = "Sub CA 2" })}, []list{crlKey.crl(), rootCRL}, unknown(revocation.ErrSignature)},
		{"a key whose certificate has expired", []*ocspParty{apart(p.root, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = ocspNow.AddDate(-2, 0, 0), ocspNow.AddDate(-1, 0, 0)
		})}, []list{crlKey.crl(), rootCRL}, unknown(revocation.ErrSignature)},
		{"a key whose certificate is not for CRLs", []*ocspParty{apart(p.root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })}, []list{crlKey.crl(), rootCRL}, unknown(revocation.ErrSignature)},
		{"a key whose certificate does not say what it is for", []*ocspParty{apart(p.root, func(c *x509.Certificate) { c.KeyUsage = 0 })}, []list{crlKey.crl(), rootCRL}, unknown(revocation.ErrSignature)},
		{"a key whose certificate says that it is no CA's, but not what it is for", []*ocspParty{apart(p.root, func(c *x509.Certificate) { c.KeyUsage, c.BasicConstraintsValid = 0, true })}, []list{crlKey.crl(), rootCRL}, unknown(revocation.ErrSignature)},
		{"a CA's key whose certificate does not say what it is for", []*ocspParty{apart(p.root, func(c *x509.Certificate) { c.KeyUsage, c.IsCA, c.BasicConstraintsValid = 0, true, true })}, []list{crlKey.crl(), rootCRL}, good},

		{"a key whose certificate is for a further purpose", []*ocspParty{apart(p.root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} })}, []list{crlKey.crl(), rootCRL}, good},
		{"a new key certified by the old one, good by a CRL of the old one", []*ocspParty{newKey}, []list{newKey.crl(), inScope(caCRL, forCAs)}, good},
		{"a new key certified by the old one, good by its own CRL only", []*ocspParty{newKey}, []list{newKey.crl()}, good},
		{"a new key certified by the old one, listed on its own CRL", []*ocspParty{newKey}, []list{newKey.crl(50)}, unknown(revocation.ErrSignature)},
		{"a new key certified by the old one, listed on a CRL of the old one", []*ocspParty{newKey}, []list{newKey.crl(), inScope(p.ca.crl(50), forCAs)}, unknown(revocation.ErrSignature)},

		{"a key certified by a CA below the root", []*ocspParty{apart(oneHop, asIs), oneHop}, []list{crlKey.crl(), oneHop.crl(), rootCRL}, good},
		{"a key certified by a CA below the root that was revoked", []*ocspParty{apart(oneHop, asIs), oneHop}, []list{crlKey.crl(), oneHop.crl(), p.root.crl(60)}, unknown(revocation.ErrSignature)},
		{"a key certified by a CA below the root that is not known", []*ocspParty{apart(oneHop, asIs)}, []list{crlKey.crl(), oneHop.crl(), rootCRL}, unknown(revocation.ErrSignature)},
	} {
		t.Run(c.name, func(t *testing.T) {
			crls := crlsOf(t, c.crls...)
			for _, issuer := range c.issuers {
				crls.Issuers = append(crls.Issuers, issuer.cert)
			}
			c.want.require(t, crls, p.leaf(t), ocspNow)
		})
	}
}

// The CA's certificate may keep its key from signing CRLs.
func TestCRLSignerOnPath(t *testing.T) {
	p := newCRLPKI(t)
	for usage, want := range map[x509.KeyUsage]crlVerdict{
		x509.KeyUsageCertSign | x509.KeyUsageCRLSign: good,
		x509.KeyUsageCRLSign:                         good,
		x509.KeyUsageCertSign:                        unknown(revocation.ErrSignature),
		0:                                            good, // no keyUsage
	} {
		template := crlCA("Sub CA", 2)
		template.KeyUsage = usage
		ca := ocspIssue(t, template, p.ca.key, p.root)
		path := p.leaf(t)
		path[1] = ca.cert
		want.require(t, crlsOf(t, p.ca.crl()), path, ocspNow)
	}
}

// What is remembered of the keys that a CRL was tried with is bounded, and never
// another key's.
func TestCRLSignersTried(t *testing.T) {
	p := newCRLPKI(t)
	crls := crlsOf(t, p.ca.crl())
	path := p.leaf(t)
	for range 20 {
		path[1] = ocspIssue(t, crlCA("Sub CA", 2), testca.ECDSA(), p.root).cert
		unknown(revocation.ErrSignature).require(t, crls, path, ocspNow)
	}
	path[1] = p.ca.cert
	good.require(t, crls, path, ocspNow)
}

// Of many keys in one name, the one that the CRL names is tried first, and not
// more than a few others.
func TestCRLSignersOfOneName(t *testing.T) {
	p := newCRLPKI(t)
	issuers := func(n int) (parties []*ocspParty, certs []*x509.Certificate) {
		for i := range n {
			party := ocspIssue(t, &x509.Certificate{
				SerialNumber: big.NewInt(int64(50 + i)), Subject: p.ca.cert.Subject, SubjectKeyId: []byte{byte(i)}, KeyUsage: x509.KeyUsageCRLSign,
			}, testca.ECDSA(), p.root)
			parties, certs = append(parties, party), append(certs, party.cert)
		}
		return parties, certs
	}
	for _, n := range []int{7, 8, 20} {
		parties, certs := issuers(n) // and the CA of the path
		crls := crlsOf(t, parties[n-1].crl(), p.root.crl())
		crls.Issuers = certs
		good.require(t, crls, p.leaf(t), ocspNow)
		crls = crlsOf(t, with(parties[n-1].crl(), func(c *revocationtest.CRL) { c.AuthorityKeyID = []byte{} }), p.root.crl())
		crls.Issuers = certs
		good.require(t, crls, p.leaf(t), ocspNow)
	}
}

// CRL issuers that need one another's CRLs do not make the search go round
// for ever, and it does not go on for as long as their author wishes.
func TestCRLSignersThatDependOnOneAnother(t *testing.T) {
	p := newCRLPKI(t)
	const last = "http://crl.example/last"
	byRoot := func(number int64, serials ...int64) []byte {
		return with(inScope(p.root.crl(serials...), revocationtest.Scope{PointName: urls(last)}), func(c *revocationtest.CRL) { c.Number = number }).DER()
	}
	names := []string{"A", "B", "C", "D", "E", "F", "G", "H"}
	issuers := func(n int, ring bool) (*revocation.CRLs, []*x509.Certificate) {
		crls := &revocation.CRLs{}
		var parties []*ocspParty
		url := func(i int) string { return "http://crl.example/" + names[i] }
		for i := range n {
			template := &x509.Certificate{
				SerialNumber: big.NewInt(int64(100 + i)), Subject: pkix.Name{CommonName: names[i]}, KeyUsage: x509.KeyUsageCRLSign,
			}
			// Each is answered good by the next one's indirect CRL.
			if next := i + 1; next < n || ring {
				next %= n
				template.ExtraExtensions = []pkix.Extension{points(revocationtest.DistributionPoint{
					PointName: urls(url(next)), CRLIssuers: [][]byte{name(t, 19, names[next])},
				})}
			} else {
				template.ExtraExtensions = []pkix.Extension{points(at(urls(last)))}
			}
			parties = append(parties, ocspIssue(t, template, testca.EC("other"), p.root))
			crls.Issuers = append(crls.Issuers, parties[i].cert)
		}
		for i, party := range parties {
			require.NoError(t, crls.Add(inScope(party.crl(), revocationtest.Scope{PointName: urls(url(i)), Indirect: true}).DER()))
		}
		path := p.leaf(t, points(revocationtest.DistributionPoint{PointName: urls(url(0)), CRLIssuers: [][]byte{parties[0].cert.RawSubject}}))
		return crls, path
	}
	crls, path := issuers(3, true)
	good.require(t, crls, path, ocspNow) // each is answered good by the ring
	crls, path = issuers(3, false)
	unknown(revocation.ErrSignature).require(t, crls, path, ocspNow) // no list is about the last
	require.NoError(t, crls.Add(byRoot(1)))
	good.require(t, crls, path, ocspNow)
	require.NoError(t, crls.Add(byRoot(2, 102)))
	unknown(revocation.ErrSignature).require(t, crls, path, ocspNow)

	crls, path = issuers(maxSignerDepth, false)
	require.NoError(t, crls.Add(byRoot(1)))
	good.require(t, crls, path, ocspNow)
	crls, path = issuers(maxSignerDepth+1, false)
	require.NoError(t, crls.Add(byRoot(1)))
	unknown(revocation.ErrSignature).require(t, crls, path, ocspNow)
}

// maxSignerDepth is how many CRL issuers may need one another's CRLs.
const maxSignerDepth = 4
