// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func clientPresents(certs ...*x509.Certificate) tlsconfig.Presented {
	return tlsconfig.Presented{Certificates: certs, Usage: x509.ExtKeyUsageClientAuth}
}

func (s *spine) verifier(fqdns ...string) *tlsconfig.Verifier {
	return &tlsconfig.Verifier{Pins: s.pins, FQDNs: fqdns, Revocation: new(revocations), Time: clock}
}

func TestALeafIsAcceptedOrRefusedByItsOwnRule(t *testing.T) {
	type edit = func(*x509.Certificate)
	s := rsaSpine(t)
	impostor := s.root.issueCA(t, "NHS INT Authentication G2", testca.RSA("impostor"))
	belowSubCA := s.subCA.issueCA(t, "NHS INT Sub-SubCA", testca.RSA("sibling"))
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	multiValued, err := asn1.Marshal(pkix.RDNSequence{
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "nhs"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "other.nhs.uk"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: sspName}},
	})
	require.NoError(t, err)
	oneMultiValued, err := asn1.Marshal(pkix.RDNSequence{
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "nhs"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: sspName}},
	})
	require.NoError(t, err)

	encoded := func(tag int, name []byte) edit {
		return func(c *x509.Certificate) {
			var err error
			c.RawSubject, err = asn1.Marshal(pkix.RDNSequence{{{
				Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{Tag: tag, Bytes: name}}}})
			require.NoError(t, err)
		}
	}
	var twoBytes []byte // each character as in a BMPString
	for _, c := range []byte(sspName) {
		twoBytes = append(twoBytes, 0, c)
	}
	cn := func(names ...string) edit {
		return func(c *x509.Certificate) {
			c.Subject.CommonName = ""
			for _, name := range names {
				c.Subject.ExtraNames = append(c.Subject.ExtraNames,
					pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: name})
			}
		}
	}
	san := func(names ...string) edit { return func(c *x509.Certificate) { c.DNSNames = names } }
	critical := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	none := tlsconfig.Rule(0)

	for _, test := range []struct {
		name   string
		issuer *authority
		edit   edit
		want   tlsconfig.Rule
	}{
		{"as the Spine issues it, the name in the CN only", s.subCA, cn(sspName), none},
		{"with the name in a SAN", s.subCA, san(sspName), none},
		{"with several names in the SAN", s.subCA, san("other.nhs.uk", sspName), none},
		{"with another name in the CN than in the SAN", s.subCA, func(c *x509.Certificate) { cn("other.nhs.uk")(c); san(sspName)(c) }, none},
		{"in capitals", s.subCA, cn("MSG.int.Spine2.NCRS.nhs.uk"), none},
		{"in capitals in the SAN", s.subCA, san("MSG.INT.SPINE2.NCRS.NHS.UK"), none},
		{"with the CN in a relative distinguished name of two", s.subCA, func(c *x509.Certificate) { c.RawSubject = oneMultiValued }, none},
		{"with the CN in a UTF8String", s.subCA, encoded(asn1.TagUTF8String, []byte(sspName)), none},
		{"with the CN in an IA5String", s.subCA, encoded(asn1.TagIA5String, []byte(sspName)), none},
		{"with the CN in a T61String", s.subCA, encoded(asn1.TagT61String, []byte(sspName)), none},
		{"with the CN in a BMPString", s.subCA, encoded(asn1.TagBMPString, twoBytes), none},
		{"with the CN in a BMPString that ends in NUL", s.subCA, encoded(asn1.TagBMPString, append(slices.Clone(twoBytes), 0, 0)), tlsconfig.RuleFQDN},
		{"with the bytes of a BMPString in a UTF8String", s.subCA, encoded(asn1.TagUTF8String, twoBytes), tlsconfig.RuleFQDN},
		{"without basicConstraints", s.subCA, func(c *x509.Certificate) { c.BasicConstraintsValid = false }, none},
		{"signed with SHA-512", s.subCA, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA512WithRSA }, none},
		{"signed with RSA-PSS", s.subCA, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA256WithRSAPSS }, none},

		{"issued by the sibling SubCA", s.sibling, nil, tlsconfig.RuleSubCA},
		{"issued by the root itself", s.root, nil, tlsconfig.RuleSubCA},
		{"issued below the pinned SubCA", belowSubCA, nil, tlsconfig.RuleSubCA},
		{"issued by the SubCA's name with another key", impostor, nil, tlsconfig.RuleSubCA},
		{"self-signed", newRoot(t, sspName, "leaf"), nil, tlsconfig.RuleSubCA},

		{"expired", s.subCA, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, tlsconfig.RuleValidity},
		{"in its last second", s.subCA, func(c *x509.Certificate) { c.NotAfter = now }, none},
		{"not yet valid", s.subCA, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }, tlsconfig.RuleValidity},
		{"in its first second", s.subCA, func(c *x509.Certificate) { c.NotBefore = now }, none},

		{"signed with SHA-1", s.subCA, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }, tlsconfig.RuleKey},

		{"a CA", s.subCA, func(c *x509.Certificate) { c.IsCA = true }, tlsconfig.RuleUsage},
		{"with serverAuth only", s.subCA, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }, tlsconfig.RuleUsage},
		{"without extKeyUsage", s.subCA, func(c *x509.Certificate) { c.ExtKeyUsage = nil }, tlsconfig.RuleUsage},
		{"with anyExtendedKeyUsage", s.subCA, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, tlsconfig.RuleUsage},
		{"with anyExtendedKeyUsage beside clientAuth", s.subCA, func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny) }, tlsconfig.RuleUsage},
		{"without digitalSignature", s.subCA, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, tlsconfig.RuleUsage},
		{"without keyUsage", s.subCA, func(c *x509.Certificate) { c.KeyUsage = 0 }, tlsconfig.RuleUsage},
		{"with keyCertSign", s.subCA, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, tlsconfig.RuleUsage},
		{"with an unknown critical extension", s.subCA, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{critical} }, tlsconfig.RuleUsage},

		{"with another name", s.subCA, cn("proxy.int.spine2.ncrs.nhs.uk"), tlsconfig.RuleFQDN},
		{"with a name below the one asked for", s.subCA, cn("a." + sspName), tlsconfig.RuleFQDN},
		{"with a wildcard", s.subCA, cn("*.int.spine2.ncrs.nhs.uk"), tlsconfig.RuleFQDN},
		{"with a wildcard in the SAN beside the name", s.subCA, san("*.nhs.uk", sspName), tlsconfig.RuleFQDN},
		{"with two CNs", s.subCA, cn(sspName, "other.nhs.uk"), tlsconfig.RuleFQDN},
		{"with the same CN twice", s.subCA, cn(sspName, sspName), tlsconfig.RuleFQDN},
		{"with two CNs, one of them in a relative distinguished name of two", s.subCA, func(c *x509.Certificate) { c.RawSubject = multiValued }, tlsconfig.RuleFQDN},
		{"without any name", s.subCA, cn(), tlsconfig.RuleFQDN},
		{"with an empty CN", s.subCA, cn(""), tlsconfig.RuleFQDN},
		{"with a trailing dot", s.subCA, cn(sspName + "."), tlsconfig.RuleFQDN},
		{"with a NUL", s.subCA, cn(sspName + "\x00.evil.example"), tlsconfig.RuleFQDN},
		{"with a NUL at the end", s.subCA, cn(sspName + "\x00"), tlsconfig.RuleFQDN},
		{"with a NUL in the SAN", s.subCA, san(sspName + "\x00"), tlsconfig.RuleFQDN},
		{"with a space before", s.subCA, cn(" " + sspName), tlsconfig.RuleFQDN},
		{"with a letter that folds to an ASCII one", s.subCA, cn("mſg.int.spine2.ncrs.nhs.uK"), tlsconfig.RuleFQDN},
		{"with the right CN and another SAN", s.subCA, func(c *x509.Certificate) { cn(sspName)(c); san("other.nhs.uk")(c) }, tlsconfig.RuleFQDN},
		{"with the right CN and a SAN without dNSName", s.subCA, func(c *x509.Certificate) { cn(sspName)(c); c.IPAddresses = []net.IP{{10, 0, 0, 1}} }, tlsconfig.RuleFQDN},
		{"with an IP address as CN", s.subCA, cn("10.0.0.1"), tlsconfig.RuleFQDN},
	} {
		t.Run(test.name, func(t *testing.T) {
			var edits []edit
			if test.edit != nil {
				edits = append(edits, test.edit)
			}
			leaf := test.issuer.issue(t, sspName, edits...).Leaf
			v := s.verifier(sspName)
			// What the peer sends along must not make a difference, nor
			// whether the leaf was seen before.
			for _, along := range [][]*x509.Certificate{
				nil, {test.issuer.cert}, {test.issuer.cert, s.subCA.cert, s.root.cert}, {leaf, s.root.cert, nil},
			} {
				for range 2 {
					chain, err := v.Verify(t.Context(), clientPresents(append([]*x509.Certificate{leaf}, along...)...))
					if test.want == none {
						require.NoError(t, err)
						require.Equal(t, []*x509.Certificate{leaf, s.subCA.cert, s.root.cert}, chain)
					} else {
						refusal := refused(t, err, test.want)
						require.Nil(t, chain)
						require.Same(t, leaf, refusal.Cert)
					}
				}
			}
		})
	}

	t.Run("with an RSA key of 1024 bits", func(t *testing.T) {
		leaf := s.subCA.issueFor(t, sspName, testca.RSAOf("weak", 1024)).Leaf
		_, err := s.verifier(sspName).Verify(t.Context(), clientPresents(leaf))
		refused(t, err, tlsconfig.RuleKey)
	})
	t.Run("with an ECDSA key", func(t *testing.T) {
		leaf := s.subCA.issueFor(t, sspName, ecKey).Leaf
		_, err := s.verifier(sspName).Verify(t.Context(), clientPresents(leaf))
		refused(t, err, tlsconfig.RuleKey)
	})
	t.Run("for a server, with clientAuth only", func(t *testing.T) {
		leaf := s.subCA.issue(t, sspName, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }).Leaf
		v := s.verifier(sspName)
		_, err := v.Verify(t.Context(), clientPresents(leaf))
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), tlsconfig.Presented{Certificates: []*x509.Certificate{leaf}, Usage: x509.ExtKeyUsageServerAuth})
		refused(t, err, tlsconfig.RuleUsage)
	})
	t.Run("for a use that was not said", func(t *testing.T) {
		_, err := s.verifier(sspName).Verify(t.Context(), tlsconfig.Presented{Certificates: []*x509.Certificate{s.subCA.issue(t, sspName).Leaf}})
		refused(t, err, tlsconfig.RuleUsage)
	})
}

func TestWhoPresentsNothingIsRefused(t *testing.T) {
	v := rsaSpine(t).verifier(sspName)
	for name, certs := range map[string][]*x509.Certificate{
		"no certificate":                    nil,
		"a nil certificate":                 {nil},
		"a certificate that was not parsed": {{Subject: pkix.Name{CommonName: sspName}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), clientPresents(certs...))
			require.Nil(t, refused(t, err, tlsconfig.RuleNoCertificate).Cert)
		})
	}
}

func TestAVerifierThatLacksSomethingAcceptsNobody(t *testing.T) {
	s := rsaSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	for _, test := range []struct {
		name string
		v    tlsconfig.Verifier
		want tlsconfig.Rule
	}{
		{"everything", tlsconfig.Verifier{}, tlsconfig.RuleSubCA},
		{"pins", tlsconfig.Verifier{Pins: new(tlsconfig.Pins), FQDNs: []string{sspName}, Revocation: new(revocations)}, tlsconfig.RuleSubCA},
		{"names", tlsconfig.Verifier{Pins: s.pins, Revocation: new(revocations), Time: clock}, tlsconfig.RuleFQDN},
		{"a name that is not empty", tlsconfig.Verifier{Pins: s.pins, FQDNs: []string{""}, Revocation: new(revocations), Time: clock}, tlsconfig.RuleFQDN},
		{"a revocation checker", tlsconfig.Verifier{Pins: s.pins, FQDNs: []string{sspName}, Time: clock}, tlsconfig.RuleRevocation},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.v.Verify(t.Context(), clientPresents(leaf))
			refused(t, err, test.want)
		})
	}
}

func TestAServerMustBearTheNameDialledUnlessOthersAreNamed(t *testing.T) {
	s := rsaSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	for _, test := range []struct {
		name, dialled string
		fqdns         []string
		want          tlsconfig.Rule
	}{
		{"its name was dialled", sspName, nil, 0},
		{"its name was dialled in capitals", "MSG.INT.spine2.ncrs.nhs.uk", nil, 0},
		{"another name was dialled", "proxy.int.spine2.ncrs.nhs.uk", nil, tlsconfig.RuleFQDN},
		{"an address was dialled", "", nil, tlsconfig.RuleFQDN},
		{"an address was dialled and its name is accepted", "", []string{sspName}, 0},
		{"its name was dialled and another is accepted", sspName, []string{"proxy.int.spine2.ncrs.nhs.uk"}, tlsconfig.RuleFQDN},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.verifier(test.fqdns...).Verify(t.Context(), tlsconfig.Presented{
				Certificates: []*x509.Certificate{leaf}, Usage: x509.ExtKeyUsageServerAuth, ServerName: test.dialled,
			})
			if test.want == 0 {
				require.NoError(t, err)
			} else {
				refused(t, err, test.want)
			}
		})
	}
}

func TestEveryCertificateOfTheChainMustBeValidNow(t *testing.T) {
	at := now
	old := func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 6, 0) }
	root := newRoot(t, "NHS Root", "root")
	for _, test := range []struct {
		name   string
		root   *authority
		subCA  func(root *authority) *authority
		expire func(root, subCA *authority) *x509.Certificate
	}{
		{"the SubCA expires", root,
			func(root *authority) *authority { return root.issueCA(t, "NHS SubCA", testca.RSA("subca"), old) },
			func(_, subCA *authority) *x509.Certificate { return subCA.cert }},
		{"the root expires", newRoot(t, "NHS Root", "root", old),
			func(root *authority) *authority { return root.issueCA(t, "NHS SubCA", testca.RSA("subca")) },
			func(root, _ *authority) *x509.Certificate { return root.cert }},
	} {
		t.Run(test.name, func(t *testing.T) {
			at = now
			subCA := test.subCA(test.root)
			v := &tlsconfig.Verifier{
				Pins: pin(t, []*authority{test.root}, []*authority{subCA}), FQDNs: []string{sspName},
				Revocation: new(revocations), Time: func() time.Time { return at },
			}
			leaf := subCA.issue(t, sspName).Leaf
			_, err := v.Verify(t.Context(), clientPresents(leaf))
			require.NoError(t, err)
			at = now.AddDate(0, 7, 0)
			_, err = v.Verify(t.Context(), clientPresents(leaf))
			require.Same(t, test.expire(test.root, subCA), refused(t, err, tlsconfig.RuleValidity).Cert)
		})
	}
}

func TestAVerdictThatWasKeptDoesNotOutliveTheLeaf(t *testing.T) {
	s := rsaSpine(t)
	at := now
	v := s.verifier(sspName)
	v.Time = func() time.Time { return at }
	leaf := s.subCA.issue(t, sspName).Leaf
	_, err := v.Verify(t.Context(), clientPresents(leaf))
	require.NoError(t, err)
	at = leaf.NotAfter.Add(time.Second)
	_, err = v.Verify(t.Context(), clientPresents(leaf))
	refused(t, err, tlsconfig.RuleValidity)
	at = leaf.NotBefore.Add(-time.Second)
	_, err = v.Verify(t.Context(), clientPresents(leaf))
	refused(t, err, tlsconfig.RuleValidity)
}

func TestRevocationIsAskedEveryTimeAndOnlyAboutChainsThatPassed(t *testing.T) {
	s := rsaSpine(t)
	checker := new(revocations)
	v := s.verifier(sspName)
	v.Revocation = checker
	leaf := s.subCA.issue(t, sspName).Leaf

	for range 3 {
		_, err := v.Verify(t.Context(), clientPresents(leaf))
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, checker.asked.Load())

	_, err := v.Verify(t.Context(), clientPresents(s.sibling.issue(t, sspName).Leaf))
	refused(t, err, tlsconfig.RuleSubCA)
	_, err = v.Verify(t.Context(), clientPresents(s.subCA.issue(t, "other.nhs.uk").Leaf))
	refused(t, err, tlsconfig.RuleFQDN)
	require.EqualValues(t, 3, checker.asked.Load())

	checker.revoke(leaf)
	_, err = v.Verify(t.Context(), clientPresents(leaf))
	refused(t, err, tlsconfig.RuleRevocation)
	require.ErrorIs(t, err, errRevoked)

	other := s.subCA.issue(t, sspName).Leaf
	checker.revoke(s.subCA.cert)
	_, err = v.Verify(t.Context(), clientPresents(other))
	refused(t, err, tlsconfig.RuleRevocation)
}

func TestTheCheckerGetsTheStapledResponseAndTheWholeChain(t *testing.T) {
	s := rsaSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	v := s.verifier(sspName)
	called := false
	v.Revocation = checkerFunc(func(_ context.Context, chain []*x509.Certificate, stapled []byte) error {
		called = true
		assert.Equal(t, []*x509.Certificate{leaf, s.subCA.cert, s.root.cert}, chain)
		assert.Equal(t, []byte("stapled"), stapled)
		clear(chain) // a checker that misbehaves spoils no other chain
		return nil
	})
	for range 2 {
		_, err := v.Verify(t.Context(), tlsconfig.Presented{
			Certificates: []*x509.Certificate{leaf}, Usage: x509.ExtKeyUsageServerAuth, OCSPResponse: []byte("stapled"),
		})
		require.NoError(t, err)
	}
	require.True(t, called)
}

type checkerFunc func(context.Context, []*x509.Certificate, []byte) error

func (f checkerFunc) Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	return f(ctx, chain, stapled)
}

func TestConstraintsOfTheCAsBindTheLeaf(t *testing.T) {
	constrain := func(c *x509.Certificate) {
		c.PermittedDNSDomains = []string{"nhs.uk"}
		c.PermittedDNSDomainsCritical = true
	}
	san := func(names ...string) func(*x509.Certificate) { return func(c *x509.Certificate) { c.DNSNames = names } }
	free := newRoot(t, "NHS Root", "root")
	for _, test := range []struct {
		name  string
		root  *authority
		subCA func(*x509.Certificate)
		leaf  func(*x509.Certificate)
		want  tlsconfig.Rule
	}{
		{"a name inside", free, constrain, san("a.nhs.uk"), 0},
		{"a name outside", free, constrain, san("a.nhs.uk", "a.example"), tlsconfig.RuleUsage},
		{"a name in the CN, where constraints are not looked for", free, constrain, func(*x509.Certificate) {}, tlsconfig.RuleUsage},
		{"a name outside what the root permits", newRoot(t, "NHS Root", "root", constrain), func(*x509.Certificate) {}, san("a.nhs.uk", "a.example"), tlsconfig.RuleUsage},
		{"a use that the SubCA must not certify", free, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, san("a.nhs.uk"), tlsconfig.RuleUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			subCA := test.root.issueCA(t, "NHS SubCA", testca.RSA("subca"), test.subCA)
			v := &tlsconfig.Verifier{
				Pins: pin(t, []*authority{test.root}, []*authority{subCA}), FQDNs: []string{"a.nhs.uk"},
				Revocation: new(revocations), Time: clock,
			}
			_, err := v.Verify(t.Context(), clientPresents(subCA.issue(t, "a.nhs.uk", test.leaf).Leaf))
			if test.want == 0 {
				require.NoError(t, err)
			} else {
				refused(t, err, test.want)
			}
		})
	}
}
