// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// A ca is a certificate that issues.
type ca struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

// A spine is the CAs that the corpus is made with.
type spine struct {
	root, subCA      ca // pinned
	sibling          ca // another SubCA of the root, for another purpose
	subCA2, root2    ca // of another generation, pinned where a case says so
	unpinned         ca // a root that is not pinned
	sameNamedSubCA   ca // named as subCA, issued by unpinned
	expiredSubCA     ca // named and keyed as subCA, pinned where a case says so
	below            ca // a CA that subCA issued
	oldRoot, oldTree ca // a pair whose root has expired
}

var (
	caPolicy   = must(x509.OIDFromInts([]uint64{1, 2, 826, 0, 1275, 101, 0, 3, 1, 1}))
	rootName   = caName("NHS", "Corpus Root Authority G2")
	subCAName  = caName("nhs", "Corpus Authentication G2")
	begin, end = now.AddDate(-2, 0, 0), now.AddDate(10, 0, 0)
)

func caName(organization, commonName string) pkix.Name {
	return pkix.Name{Country: []string{"GB"}, Organization: []string{organization}, OrganizationalUnit: []string{"CA"}, CommonName: commonName}
}

// newSpine makes the CAs.
func (g *generator) newSpine() *spine {
	s := new(spine)
	s.root = g.newCA("root", rootName, nil, begin, end)
	s.subCA = g.newCA("subca", subCAName, &s.root, begin, end)
	s.sibling = g.newCA("sibling", caName("nhs", "Corpus Signing G2"), &s.root, begin, end)
	s.root2 = g.newCA("root2", caName("NHS", "Corpus Root Authority G3"), nil, begin, end)
	s.subCA2 = g.newCA("subca2", caName("nhs", "Corpus Authentication G3"), &s.root2, begin, end)
	s.unpinned = g.newCA("unpinned", rootName, nil, begin, end)
	s.sameNamedSubCA = g.newCA("same name", subCAName, &s.unpinned, begin, end)
	s.expiredSubCA = g.newCA("expired", caName("nhs", "Corpus Authentication G1"), &s.root, begin, now.Add(-time.Second))
	s.below = g.newCA("below", caName("nhs", "Corpus Level 3"), &s.subCA, begin, end)
	s.oldRoot = g.newCA("oldroot", caName("NHS", "Corpus Root Authority G1"), nil, begin, now.Add(-time.Second))
	s.oldTree = g.newCA("oldtree", caName("nhs", "Corpus Authentication of G1"), &s.oldRoot, begin, end)
	return s
}

func (g *generator) next() *big.Int {
	g.serial++
	return big.NewInt(0x5000_0000 + g.serial)
}

// newCA makes a CA; without an issuer it is a root.
func (g *generator) newCA(name string, subject pkix.Name, issuer *ca, from, until time.Time) ca {
	k := key("ca "+name, 2048)
	template := &x509.Certificate{
		SerialNumber: g.next(), Subject: subject, NotBefore: from, NotAfter: until,
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: keyID(&k.PublicKey), Policies: []x509.OID{caPolicy}, SignatureAlgorithm: x509.SHA256WithRSA,
	}
	if issuer == nil {
		issuer = &ca{template, k}
	} else {
		template.CRLDistributionPoints = []string{arlURL}
	}
	der := must(x509.CreateCertificate(nil, template, issuer.cert, &k.PublicKey, issuer.key))
	return ca{must(x509.ParseCertificate(der)), k}
}

// keyID is method 1 of RFC 5280 section 4.2.1.2.
func keyID(pub *rsa.PublicKey) []byte {
	sum := sha1.Sum(x509.MarshalPKCS1PublicKey(pub))
	return sum[:]
}

// The distribution points of the corpus. Nothing is fetched there.
const (
	crlURL = "http://crl.corpus.invalid/1c/crlc7.crl"
	arlURL = "http://crl.corpus.invalid/root/arlc3.crl"
)

// A leafOption changes one thing about a leaf.
type leafOption func(*leaf)

// A leaf is an end entity's certificate before it is signed.
type leaf struct {
	template *x509.Certificate
	public   crypto.PublicKey
	issuer   ca
}

const fqdn = "msg.int.spine2.corpus.nhs.uk"

// newLeaf makes a certificate as the Spine's are: the FQDN in the common name,
// no subjectAltName, RSA 2048, SHA-256, usable at both ends.
func (g *generator) newLeaf(s *spine, options ...leafOption) *x509.Certificate {
	l := &leaf{
		template: &x509.Certificate{
			SerialNumber: g.next(), NotBefore: now.AddDate(0, -6, 0), NotAfter: now.AddDate(1, 6, 0),
			Subject:               pkix.Name{Organization: []string{"nhs"}, OrganizationalUnit: []string{"Devices"}, CommonName: fqdn},
			KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			BasicConstraintsValid: true, Policies: []x509.OID{caPolicy},
			CRLDistributionPoints: []string{crlURL}, SignatureAlgorithm: x509.SHA256WithRSA,
		},
		public: &key("leaf", 2048).PublicKey, issuer: s.subCA,
	}
	for _, option := range options {
		option(l)
	}
	if pub, ok := l.public.(*rsa.PublicKey); ok {
		l.template.SubjectKeyId = keyID(pub)
	}
	der := must(x509.CreateCertificate(&stream{name: "salt"}, l.template, l.issuer.cert, l.public, l.issuer.key))
	return must(x509.ParseCertificate(der))
}

// template returns an option that changes the template.
func template(change func(*x509.Certificate)) leafOption {
	return func(l *leaf) { change(l.template) }
}

func commonName(name string) leafOption {
	return template(func(c *x509.Certificate) { c.Subject.CommonName = name })
}

func altNames(names ...string) leafOption {
	return template(func(c *x509.Certificate) { c.DNSNames = names })
}

// subject takes the place of the subject, attribute by attribute, as DER.
func subject(attributes ...attribute) leafOption {
	var sequence cryptoName
	for _, a := range attributes {
		sequence = append(sequence, []attribute{a})
	}
	der := must(asn1.Marshal(sequence))
	return template(func(c *x509.Certificate) { c.RawSubject = der })
}

type (
	cryptoName []attributeSET
	// The name tells encoding/asn1 to write a SET.
	attributeSET []attribute
	attribute    struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
)

var (
	oidO  = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}
)

// text is an attribute of a string type: 12 UTF8String, 19 PrintableString, 22
// IA5String, 30 BMPString.
func text(oid asn1.ObjectIdentifier, tag int, octets string) attribute {
	return attribute{oid, asn1.RawValue{Class: asn1.ClassUniversal, Tag: tag, Bytes: []byte(octets)}}
}

func extension(critical bool, value []byte, oid ...int) leafOption {
	return template(func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oid, Critical: critical, Value: value})
	})
}

func by(issuer ca) leafOption { return func(l *leaf) { l.issuer = issuer } }

func public(pub crypto.PublicKey) leafOption { return func(l *leaf) { l.public = pub } }

func valid(from, until time.Time) leafOption {
	return template(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until })
}
