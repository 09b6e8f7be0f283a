// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/crltest"
	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// name returns the DER of a Name of one common name, of the given string type.
func name(t testing.TB, tag int, value string) []byte {
	der, err := asn1.Marshal(pkix.RDNSequence{{{
		Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{Tag: tag, Bytes: []byte(value)},
	}}})
	require.NoError(t, err)
	return der
}

func TestCRLScope(t *testing.T) {
	p := newCRLPKI(t)
	const one, two = "http://crl.example/1.crl", "http://crl.example/2.crl"
	type (
		point = revocationtest.DistributionPoint
		scope = revocationtest.Scope
		list  = revocationtest.CRL
		entry = revocationtest.Entry
	)
	ca, other := p.ca.crl(), p.other.crl()
	listed := p.ca.crl(leafSerial)
	some := []revocation.Reason{revocation.ReasonKeyCompromise, revocation.ReasonCACompromise}
	rest := []revocation.Reason{
		revocation.ReasonAffiliationChanged, revocation.ReasonSuperseded, revocation.ReasonCessationOfOperation,
		revocation.ReasonCertificateHold, revocation.ReasonPrivilegeWithdrawn, revocation.ReasonAACompromise,
	}
	byOther := []pkix.Extension{points(point{PointName: urls(one), CRLIssuers: [][]byte{p.other.cert.RawSubject}})}
	indirect := scope{PointName: urls(one), Indirect: true}
	entries := func(entries ...entry) list {
		return with(inScope(other, indirect), func(c *list) { c.Entries = entries })
	}
	serial, otherSerial := big.NewInt(leafSerial), big.NewInt(leafSerial+1)
	caName := p.ca.cert.RawSubject
	shouted := name(t, asn1.TagUTF8String, "  SUB  ca ")

	for _, c := range []struct {
		name       string
		extensions []pkix.Extension // of the leaf
		crls       []list
		want       crlVerdict
	}{
		{"a complete CRL without a scope", nil, []list{ca}, good},
		{"a complete CRL that lists the certificate", nil, []list{listed}, revokedFor(revocation.ReasonUnspecified)},
		{"a CRL of another issuer", nil, []list{other}, unknown(revocation.ErrScope)},
		{"no CRL", nil, nil, unknown(revocation.ErrNoSource)},

		{"the partition that the certificate names", []pkix.Extension{points(at(urls(one)))}, []list{inScope(ca, scope{PointName: urls(one)})}, good},
		{"the partition that the certificate names, listing it", []pkix.Extension{points(at(urls(one)))}, []list{inScope(listed, scope{PointName: urls(one)})}, revokedFor(revocation.ReasonUnspecified)},
		{"another partition", []pkix.Extension{points(at(urls(one)))}, []list{inScope(ca, scope{PointName: urls(two)})}, unknown(revocation.ErrScope)},
		{"two partitions side by side", []pkix.Extension{points(at(urls(one)))}, []list{inScope(ca, scope{PointName: urls(one)}), inScope(listed, scope{PointName: urls(two)})}, good},
		{"a partition known by several names, one of them the certificate's", []pkix.Extension{points(at(urls("ldap://x", two)))}, []list{inScope(ca, scope{PointName: urls(one, two)})}, good},
		{"a partition of the certificate's second distribution point", []pkix.Extension{points(at(urls(one)), at(urls(two)))}, []list{inScope(ca, scope{PointName: urls(two)})}, good},
		{"a distribution point and a CRL without a scope", []pkix.Extension{points(at(urls(one)))}, []list{ca}, good},
		{"a partition for a certificate without distribution points", nil, []list{inScope(ca, scope{PointName: urls(one)})}, unknown(revocation.ErrScope)},
		{"a partition named like the issuer, for a certificate without distribution points", nil, []list{inScope(ca, scope{PointName: crltest.Directory(caName)})}, good},
		{"a directory name in other letters and another string type", []pkix.Extension{points(at(crltest.Directory(name(t, asn1.TagPrintableString, "Point one"))))}, []list{inScope(ca, scope{PointName: crltest.Directory(name(t, asn1.TagUTF8String, " POINT  One "))})}, good},
		{"another directory name", []pkix.Extension{points(at(crltest.Directory(name(t, asn1.TagUTF8String, "point one"))))}, []list{inScope(ca, scope{PointName: crltest.Directory(name(t, asn1.TagUTF8String, "pointone"))})}, unknown(revocation.ErrScope)},
		{"a URL in other letters", []pkix.Extension{points(at(urls("http://crl.example/a")))}, []list{inScope(ca, scope{PointName: urls("http://crl.example/A")})}, unknown(revocation.ErrScope)},

		{"a relative name on both sides", []pkix.Extension{points(at(crltest.Relative("one")))}, []list{inScope(ca, scope{PointName: crltest.Relative("one")})}, good},
		{"another relative name", []pkix.Extension{points(at(crltest.Relative("one")))}, []list{inScope(ca, scope{PointName: crltest.Relative("two")})}, unknown(revocation.ErrScope)},
		{"a relative name in the certificate, the full one in the CRL", []pkix.Extension{points(at(crltest.Relative("one")))}, []list{inScope(ca, scope{PointName: crltest.Directory(below(t, caName, "one"))})}, good},
		{"the full name in the certificate, a relative one in the CRL", []pkix.Extension{points(at(crltest.Directory(below(t, caName, "one"))))}, []list{inScope(ca, scope{PointName: crltest.Relative("one")})}, good},
		{"a relative name behind the CRL issuer's", []pkix.Extension{points(point{PointName: crltest.Relative("one"), CRLIssuers: [][]byte{p.other.cert.RawSubject}})}, []list{inScope(other, scope{PointName: crltest.Relative("one"), Indirect: true})}, good},
		{"a relative name with two CRL issuers", []pkix.Extension{points(point{PointName: crltest.Relative("one"), CRLIssuers: [][]byte{p.other.cert.RawSubject, caName}})}, []list{inScope(other, scope{PointName: crltest.Relative("one"), Indirect: true})}, unknown(revocation.ErrScope)},

		{"end entity certificates only", nil, []list{inScope(ca, scope{OnlyUserCerts: true})}, good},
		{"CA certificates only", nil, []list{inScope(ca, scope{OnlyCACerts: true})}, unknown(revocation.ErrScope)},
		{"attribute certificates only", nil, []list{inScope(ca, scope{OnlyAttributeCerts: true})}, unknown(revocation.ErrScope)},

		{"some reasons only", nil, []list{inScope(ca, scope{OnlySomeReasons: some})}, unknown(revocation.ErrScope)},
		{"all reasons in two CRLs", nil, []list{inScope(ca, scope{OnlySomeReasons: some}), inScope(ca, scope{OnlySomeReasons: rest})}, good},
		{"all reasons but one in two CRLs", nil, []list{inScope(ca, scope{OnlySomeReasons: some}), inScope(ca, scope{OnlySomeReasons: rest[1:]})}, unknown(revocation.ErrScope)},
		{"all reasons in two CRLs, the second listing it", nil, []list{inScope(ca, scope{OnlySomeReasons: some}), inScope(listed, scope{OnlySomeReasons: rest})}, revokedFor(revocation.ReasonUnspecified)},
		{"a distribution point for some reasons", []pkix.Extension{points(point{PointName: urls(one), Reasons: some})}, []list{inScope(ca, scope{PointName: urls(one)})}, unknown(revocation.ErrScope)},
		{"two distribution points for all reasons", []pkix.Extension{points(point{PointName: urls(one), Reasons: some}, point{PointName: urls(two), Reasons: rest})}, []list{inScope(ca, scope{PointName: urls(one)}), inScope(ca, scope{PointName: urls(two)})}, good},
		{"reasons of point and CRL that do not meet", []pkix.Extension{points(point{PointName: urls(one), Reasons: some}, point{PointName: urls(two), Reasons: rest})}, []list{inScope(ca, scope{PointName: urls(one), OnlySomeReasons: rest}), inScope(ca, scope{PointName: urls(two), OnlySomeReasons: some})}, unknown(revocation.ErrScope)},

		{"an indirect CRL by the issuer that the point names", byOther, []list{entries()}, good},
		{"an indirect CRL with the certificate's issuer and serial", byOther, []list{entries(entry{Serial: serial, CertificateIssuer: caName})}, revokedFor(revocation.ReasonUnspecified)},
		{"an indirect CRL with the serial of another issuer", byOther, []list{entries(entry{Serial: serial})}, good},
		{"an indirect CRL whose entry follows one of the certificate's issuer", byOther, []list{entries(entry{Serial: otherSerial, CertificateIssuer: caName}, entry{Serial: serial, Reason: revocation.ReasonKeyCompromise})}, revokedFor(revocation.ReasonKeyCompromise)},
		{"an indirect CRL whose entry follows one of yet another issuer", byOther, []list{entries(entry{Serial: otherSerial, CertificateIssuer: caName}, entry{Serial: serial, CertificateIssuer: p.root.cert.RawSubject})}, good},
		{"an indirect CRL that writes the issuer in other letters", byOther, []list{entries(entry{Serial: serial, CertificateIssuer: shouted})}, revokedFor(revocation.ReasonUnspecified)},
		{"a CRL by the issuer that the point names, but not indirect", byOther, []list{inScope(other, scope{PointName: urls(one)})}, unknown(revocation.ErrScope)},
		{"an indirect CRL by another than the issuer that the point names", byOther, []list{inScope(p.root.crl(), indirect)}, unknown(revocation.ErrScope)},
		{"an indirect CRL that the point does not name", []pkix.Extension{points(at(urls(one)))}, []list{inScope(other, indirect)}, unknown(revocation.ErrScope)},
		{"an indirect CRL of the certificate's own issuer", []pkix.Extension{points(at(urls(one)))}, []list{with(inScope(listed, indirect), func(c *list) { c.Entries[0].Reason = revocation.ReasonSuperseded })}, revokedFor(revocation.ReasonSuperseded)},
		{"a point of a CRL issuer only, and a CRL of that name", []pkix.Extension{points(point{CRLIssuers: [][]byte{p.other.cert.RawSubject}})}, []list{inScope(other, scope{PointName: crltest.Directory(p.other.cert.RawSubject), Indirect: true})}, good},
		{"a point of a CRL issuer only, and a CRL of another name", []pkix.Extension{points(point{CRLIssuers: [][]byte{p.other.cert.RawSubject}})}, []list{inScope(other, indirect)}, unknown(revocation.ErrScope)},
	} {
		t.Run(c.name, func(t *testing.T) {
			crls := crlsOf(t, c.crls...)
			if len(c.crls) > 0 { // the other issuer is answered good, too
				require.NoError(t, crls.Add(p.root.crl().DER()))
			}
			crls.Issuers = []*x509.Certificate{p.other.cert}
			c.want.require(t, crls, p.leaf(t, c.extensions...), ocspNow)
		})
	}
}

// below returns the Name that has one more common name.
func below(t testing.TB, parent []byte, value string) []byte {
	var rdns pkix.RDNSequence
	_, err := asn1.Unmarshal(parent, &rdns)
	require.NoError(t, err)
	der, err := asn1.Marshal(append(rdns, pkix.RelativeDistinguishedNameSET{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: value}}))
	require.NoError(t, err)
	return der
}

func TestCRLScopeOfCACertificates(t *testing.T) {
	p := newCRLPKI(t)
	path := []*x509.Certificate{p.ca.cert, p.root.cert}
	scope := func(s revocationtest.Scope) *revocation.CRLs { return crlsOf(t, inScope(p.root.crl(), s)) }
	good.require(t, scope(revocationtest.Scope{OnlyCACerts: true}), path, ocspNow)
	unknown(revocation.ErrScope).require(t, scope(revocationtest.Scope{OnlyUserCerts: true}), path, ocspNow)
	unknown(revocation.ErrScope).require(t, scope(revocationtest.Scope{OnlyAttributeCerts: true}), path, ocspNow)
	revokedFor(revocation.ReasonUnspecified).require(t, crlsOf(t, p.root.crl(p.ca.cert.SerialNumber.Int64())), path, ocspNow)
}

// Names of different kinds are not the same, whatever they say.
func TestCRLScopeOfNamesByKind(t *testing.T) {
	p := newCRLPKI(t)
	const one, two = "http://crl.example/1.crl", "http://crl.example/2.crl"
	for tag, want := range map[byte]crlVerdict{
		0x86: good,                         // URI
		0x82: unknown(revocation.ErrScope), // dNSName
		0x81: unknown(revocation.ErrScope), // rfc822Name
	} {
		names := &dertest.Node{Tag: 0xa0, Children: []*dertest.Node{{Tag: tag, Content: []byte(one)}, {Tag: 0x86, Content: []byte(two)}}}
		point := &dertest.Node{Tag: 0x30, Children: []*dertest.Node{{Tag: 0xa0, Children: []*dertest.Node{names}}}}
		list := &dertest.Node{Tag: 0x30, Children: []*dertest.Node{point}}
		server := &crlServer{}
		server.publish(two, inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(one)}))
		crls := &revocation.CRLs{Fetcher: server, Time: clock}
		path := p.leaf(t, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: list.Bytes()})
		want.require(t, crls, path, ocspNow)
	}
}

// A certificate's own extensions may be what is wrong.
func TestCRLDistributionPointsMalformed(t *testing.T) {
	p := newCRLPKI(t)
	good.require(t, crlsOf(t, p.ca.crl()), p.leaf(t), ocspNow)
	for _, value := range []string{
		"",
		"\x30\x00",                         // no point
		"\x30\x02\x30\x00",                 // an empty point
		"\x30\x06\x30\x04\x81\x02\x06\x40", // reasons only
		"\x30\x06\x30\x04\xa0\x02\xa0\x00", // no name
		"\x30\x09\x30\x07\xa0\x05\xa0\x03\xa6\x01a", // a URL that is constructed
		"\x30\x0a\x30\x08\xa0\x06\xa0\x03\x86\x01a\x00",
		"\x30\x09\x30\x07\xa0\x05\xa0\x03\x86\x01a\x00",             // something behind
		"\x30\x0b\x30\x09\xa0\x05\xa0\x03\x86\x01a\x83\x00",         // an unknown field
		"\x30\x0b\x30\x09\xa0\x05\xa0\x03\x86\x01a\xa2\x00",         // a cRLIssuer without names
		"\x30\x0a\x30\x08\xa0\x06\xa0\x04\xa4\x02\x31\x00",          // a directory name that is a set
		"\x30\x0d\x30\x0b\xa0\x05\xa0\x03\x86\x01a\x81\x02\x05\x40", // reasons with a trailing zero bit
	} {
		for _, id := range []asn1.ObjectIdentifier{{2, 5, 29, 31}, {2, 5, 29, 46}} {
			t.Run(fmt.Sprintf("%x as %v", value, id), func(t *testing.T) {
				path := p.leaf(t, pkix.Extension{Id: id, Value: []byte(value)})
				unknown(revocation.ErrMalformed).require(t, crlsOf(t, p.ca.crl()), path, ocspNow)
			})
		}
	}
	for _, issuer := range []string{"\x30\x00", "\x31\x00", ""} {
		path := p.leaf(t)
		leaf := *path[0]
		leaf.RawIssuer = []byte(issuer)
		path[0] = &leaf
		unknown(revocation.ErrMalformed).require(t, crlsOf(t, p.ca.crl()), path, ocspNow)
	}
	good.require(t, crlsOf(t, p.ca.crl()), p.leaf(t, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: []byte("\x30\x09\x30\x07\xa0\x05\xa0\x03\x86\x01a")}), ocspNow)
}

func TestACertificateIssuerInDoubtRevokes(t *testing.T) {
	p := newCRLPKI(t)
	for name, issuer := range map[string][]byte{
		"Teletex": rdnSequence([]attribute{{3, 20, "Sub CA"}}),
	} {
		t.Run(name, func(t *testing.T) {
			point := revocationtest.DistributionPoint{PointName: urls("http://crl.example/1.crl"), CRLIssuers: [][]byte{p.other.cert.RawSubject}}
			list := inScope(p.other.crl(leafSerial), revocationtest.Scope{PointName: urls("http://crl.example/1.crl"), Indirect: true})
			list.Entries[0].CertificateIssuer = issuer
			crls := crlsOf(t, list, p.root.crl())
			crls.Issuers = []*x509.Certificate{p.other.cert}
			answer, _ := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t, points(point)), At: ocspNow})
			require.NotEqual(t, revocation.Good, answer.Status)
		})
	}
	t.Run("Unicode", func(t *testing.T) {
		ca := ocspIssue(t, crlCA("Autorit\u00e9", 9), testca.EC("ca"), p.root)
		point := revocationtest.DistributionPoint{PointName: urls("http://crl.example/1.crl"), CRLIssuers: [][]byte{p.other.cert.RawSubject}}
		list := inScope(p.other.crl(leafSerial), revocationtest.Scope{PointName: urls("http://crl.example/1.crl"), Indirect: true})
		list.Entries[0].CertificateIssuer = rdnSequence([]attribute{{3, 12, "Autorite\u0301"}})
		crls := crlsOf(t, list, p.root.crl())
		crls.Issuers = []*x509.Certificate{p.other.cert}
		leaf := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(leafSerial)}, testca.EC("leaf"), ca)
		leaf.cert.Extensions = append(leaf.cert.Extensions, points(point))
		answer, _ := crls.Status(t.Context(), revocation.Query{Path: []*x509.Certificate{leaf.cert, ca.cert, p.root.cert}, At: ocspNow})
		require.NotEqual(t, revocation.Good, answer.Status)
	})
}
