// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// traits are what there is to know about a leaf, each independent of the others.
func traits(pki *spinetest.PKI, cert tls.Certificate) map[string]string {
	leaf := cert.Leaf
	issuer := "another"
	for name, ca := range map[string]*x509.Certificate{"root": pki.Root, "SubCA": pki.SubCA, "other": pki.OtherSubCA, "itself": leaf} {
		signed := ca.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil ||
			leaf.SignatureAlgorithm == x509.SHA1WithRSA // which CheckSignature refuses
		if bytes.Equal(leaf.RawIssuer, ca.RawSubject) && signed {
			issuer = name
		}
	}
	when := "now"
	if time.Now().Before(leaf.NotBefore) {
		when = "later"
	} else if time.Now().After(leaf.NotAfter) {
		when = "over"
	}
	var names []string
	for _, n := range leaf.Subject.Names {
		names = append(names, fmt.Sprint(n.Type, n.Value))
	}
	key := leaf.PublicKeyAlgorithm.String()
	if k, ok := leaf.PublicKey.(*rsa.PublicKey); ok {
		key = fmt.Sprint(k.N.BitLen())
	}
	return map[string]string{
		"issuer":   issuer,
		"validity": when,
		"key":      key,
		"hash":     leaf.SignatureAlgorithm.String(),
		"subject":  fmt.Sprint(names),
		"SAN":      fmt.Sprint(leaf.DNSNames, leaf.IPAddresses),
		"CA":       fmt.Sprint(leaf.IsCA, leaf.BasicConstraintsValid, leaf.MaxPathLen),
		"usage":    fmt.Sprint(leaf.KeyUsage, leaf.ExtKeyUsage),
		"CRL":      fmt.Sprint(leaf.CRLDistributionPoints),
		"OCSP":     fmt.Sprint(leaf.OCSPServer),
		"policies": fmt.Sprint(leaf.Policies),
	}
}

func TestEachVariationChangesOneThing(t *testing.T) {
	pki := newPKI(t)
	good := traits(pki, pki.Issue(proxy))
	require.Equal(t, "SubCA", good["issuer"])
	verifier := pki.Endpoint(provider, proxy).Verifier
	for name, c := range map[string]struct {
		variation spinetest.Variation
		trait     string
		rule      tlsconfig.Rule // zero: accepted
	}{
		"none":           {spinetest.Variation{}, "", 0},
		"SelfSigned":     {spinetest.SelfSigned(), "issuer", tlsconfig.RuleSubCA},
		"FromOtherSubCA": {spinetest.FromOtherSubCA(), "issuer", tlsconfig.RuleSubCA},
		"FromRoot":       {spinetest.FromRoot(), "issuer", tlsconfig.RuleSubCA},
		"FromNamesake":   {spinetest.FromNamesake(), "issuer", tlsconfig.RuleSubCA},
		"Expired":        {spinetest.Expired(), "validity", tlsconfig.RuleValidity},
		"NotYetValid":    {spinetest.NotYetValid(), "validity", tlsconfig.RuleValidity},
		"Valid":          {spinetest.Valid(time.Unix(0, 0), time.Unix(1, 0)), "validity", tlsconfig.RuleValidity},
		"Bits":           {spinetest.Bits(1024), "key", tlsconfig.RuleKey},
		"ECDSA":          {spinetest.ECDSA(), "key", tlsconfig.RuleKey},
		"SHA1":           {spinetest.SHA1(), "hash", tlsconfig.RuleKey},
		"AsCA":           {spinetest.AsCA(), "CA", tlsconfig.RuleUsage},
		"Usages":         {spinetest.Usages(x509.ExtKeyUsageServerAuth), "usage", tlsconfig.RuleUsage},
		"CommonNames":    {spinetest.CommonNames("other.nhs.uk"), "subject", tlsconfig.RuleFQDN},
		"WithSAN":        {spinetest.WithSAN("other.nhs.uk"), "SAN", tlsconfig.RuleFQDN},
		"Template":       {spinetest.Template(func(c *x509.Certificate) { c.Policies = nil }), "policies", 0},
		"Batch":          {spinetest.Batch(8), "CRL", 0},
		"WithOCSP":       {spinetest.WithOCSP(), "OCSP", 0},
	} {
		t.Run(name, func(t *testing.T) {
			cert := pki.Issue(proxy, c.variation)
			got := traits(pki, cert)
			for trait := range got {
				if trait == "CRL" && (name == "FromOtherSubCA" || name == "FromRoot") {
					assert.NotEqual(t, good[trait], got[trait], "the CRL is the issuer's")
				} else if trait == c.trait {
					assert.NotEqual(t, good[trait], got[trait])
				} else {
					assert.Equal(t, good[trait], got[trait], trait)
				}
			}
			if c.rule == 0 {
				acceptedBy(t, &verifier, cert)
			} else {
				refusedBy(t, &verifier, cert, c.rule)
			}
		})
	}
}

func TestANameGoesIntoTheCertificateAsItIs(t *testing.T) {
	pki := newPKI(t)
	verifier := pki.Endpoint(provider, proxy).Verifier
	for _, name := range []string{"*.nhs.uk", proxy + ".", proxy + "\x00.example.org", "", "not a name"} {
		cert := pki.Issue(name)
		assert.Equal(t, name, cert.Leaf.Subject.CommonName)
		refusedBy(t, &verifier, cert, tlsconfig.RuleFQDN)
	}
	acceptedBy(t, &verifier, pki.Issue("MSG.INT.SPINE2.NCRS.NHS.UK"))

	two := pki.Issue(proxy, spinetest.CommonNames("other.nhs.uk")).Leaf.Subject
	assert.Equal(t, proxy, two.Names[2].Value)
	assert.Equal(t, "other.nhs.uk", two.Names[3].Value)
}

func TestEachCertificateOfTheConformanceTestBreaksItsRule(t *testing.T) {
	pki := newPKI(t)
	verifier := pki.Endpoint(provider, proxy).Verifier
	for _, bad := range spinetest.BadClients() {
		t.Run(bad.Name, func(t *testing.T) {
			cert := bad.Issue(pki, proxy)
			refusedBy(t, &verifier, cert, bad.Rule)
		})
	}
}
