// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
)

// policy is the certificate policy of the Spine's end-entity certificates.
var policy = mustOID(1, 2, 826, 0, 1275, 101, 0, 3, 1, 1)

// defaultBatch is the partition of the CRL that is about a leaf unless a
// Variation says otherwise.
const defaultBatch = 7

// A Variation makes a certificate that differs in one way from what the Spine
// issues. The zero value makes no difference.
type Variation struct{ change func(*draft) }

// A draft is a leaf before it is signed.
type draft struct {
	pki      *PKI
	template *x509.Certificate
	key      leafKey
	issuer   issuer
	self     bool // self-signed, whatever issuer says
	batch    int
	ocsp     bool
}

// locate says in the template where the revocation is published.
func (d *draft) locate() {
	d.template.CRLDistributionPoints = []string{d.issuer.service.CRLURL(d.batch)}
	if d.ocsp {
		d.template.OCSPServer = []string{d.issuer.service.OCSPURL()}
	}
}

// Issue returns a certificate for fqdn as the Spine issues them, with its SubCA:
// RSA 2048, SHA-256, the FQDN in the common name, no subjectAltName, usable by
// servers and clients, valid for two years from an hour ago, its CRL in a
// partition of SubCA's. Whatever fqdn holds goes into the certificate, be it a
// host name or not.
func (p *PKI) Issue(fqdn string, variations ...Variation) tls.Certificate {
	now := p.Now()
	d := &draft{
		pki:    p,
		key:    leafKey{name: strings.ToLower(fqdn), bits: 2048},
		issuer: p.subCA,
		batch:  defaultBatch,
		template: &x509.Certificate{
			Subject:               pkix.Name{Organization: []string{"nhs"}, OrganizationalUnit: []string{"Devices"}, CommonName: fqdn},
			NotBefore:             now.Add(-time.Hour),
			NotAfter:              now.AddDate(2, 0, 0),
			KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			BasicConstraintsValid: true,
			Policies:              []x509.OID{policy},
		},
	}
	d.locate()
	for _, v := range variations {
		if v.change != nil {
			v.change(d)
		}
	}
	return d.sign()
}

func (d *draft) sign() tls.Certificate {
	key := d.key.get()
	if d.self {
		leaf := testca.Sign(d.template, d.template, key.Public(), key)
		return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	}
	leaf := testca.Sign(d.template, d.issuer.cert, key.Public(), crypto.Signer(d.issuer.key))
	cert := tls.Certificate{Certificate: [][]byte{leaf.Raw, d.issuer.cert.Raw}, PrivateKey: key, Leaf: leaf}
	if d.issuer.above != nil {
		cert.Certificate = append(cert.Certificate, d.issuer.above.Raw)
	}
	if d.key.weak != 0 {
		cert.SupportedSignatureAlgorithms = []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}
	}
	return cert
}

// Template lets f change whatever a template can say.
func Template(f func(*x509.Certificate)) Variation {
	return Variation{func(d *draft) { f(d.template) }}
}

// Valid sets the time for which the certificate is valid, both ends included.
func Valid(from, until time.Time) Variation {
	return Template(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until })
}

// Expired makes a certificate that expired an hour ago.
func Expired() Variation {
	return Variation{func(d *draft) {
		d.template.NotAfter = d.pki.Now().Add(-time.Hour)
		d.template.NotBefore = d.template.NotAfter.AddDate(-2, 0, 0)
	}}
}

// NotYetValid makes a certificate that becomes valid in an hour.
func NotYetValid() Variation {
	return Variation{func(d *draft) { d.template.NotBefore = d.pki.Now().Add(time.Hour) }}
}

// Batch puts the certificate into another batch, whose CRL is a partition of its
// own.
func Batch(n int) Variation {
	return Variation{func(d *draft) { d.batch = n; d.locate() }}
}

// WithOCSP names the responder in the certificate, beside the CRL.
func WithOCSP() Variation {
	return Variation{func(d *draft) { d.ocsp = true; d.locate() }}
}

// WithSAN adds a subjectAltName with the given dNSNames, as newer certificates
// of the Spine have. The common name then counts for nothing.
func WithSAN(names ...string) Variation {
	return Template(func(c *x509.Certificate) { c.DNSNames = names })
}

// CommonNames puts further common names beside the first.
func CommonNames(names ...string) Variation {
	return Template(func(c *x509.Certificate) {
		for _, name := range names {
			c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: name})
		}
		if c.Subject.CommonName != "" {
			first := pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: c.Subject.CommonName}
			c.Subject.ExtraNames = append([]pkix.AttributeTypeAndValue{first}, c.Subject.ExtraNames...)
			c.Subject.CommonName = ""
		}
	})
}

// Usages sets the extKeyUsage.
func Usages(usages ...x509.ExtKeyUsage) Variation {
	return Template(func(c *x509.Certificate) { c.ExtKeyUsage = usages })
}

// AsCA sets the CA bit of basicConstraints, and nothing else of a CA.
func AsCA() Variation {
	return Template(func(c *x509.Certificate) { c.IsCA = true })
}

// Bits sets the size of the RSA key.
func Bits(n int) Variation {
	return Variation{func(d *draft) { d.key.bits = n }}
}

// ECDSA gives the certificate a key of another kind than the guidance's suites
// authenticate with.
func ECDSA() Variation {
	return Variation{func(d *draft) { d.key.bits = 0 }}
}

// SHA1 has the certificate signed with SHA-1.
func SHA1() Variation {
	return Template(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
}

// SelfSigned has the certificate signed by its own key.
func SelfSigned() Variation {
	return Variation{func(d *draft) { d.self = true }}
}

// FromOtherSubCA has the certificate issued by OtherSubCA, which also publishes
// whether it is revoked.
func FromOtherSubCA() Variation {
	return Variation{func(d *draft) { d.issuer = d.pki.other; d.locate() }}
}

// FromRoot has the certificate issued by the root, without a SubCA; the root
// also publishes whether it is revoked.
func FromRoot() Variation {
	return Variation{func(d *draft) { d.issuer = d.pki.root; d.locate() }}
}

// FromNamesake has the certificate issued by a CA that calls itself as SubCA
// does, but has another key.
func FromNamesake() Variation {
	return Variation{func(d *draft) { d.issuer = d.pki.namesake(); d.locate() }}
}

// fromBelow has the certificate issued by a CA that SubCA issued.
func fromBelow() Variation {
	return Variation{func(d *draft) { d.issuer = d.pki.below(); d.locate() }}
}

// exponent sets the public exponent of the RSA key, to which there is no private
// key.
func exponent(e int) Variation {
	return Variation{func(d *draft) { d.key.weak = e }}
}

// keyOf lets certificates of one system share its key, whatever their names.
func keyOf(name string) Variation {
	return Variation{func(d *draft) { d.key.name = name }}
}

func mustOID(arcs ...uint64) x509.OID {
	oid, err := x509.OIDFromInts(arcs)
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	return oid
}
