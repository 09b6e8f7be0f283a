// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestExtensions(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	extension := func(critical bool, value string, id ...int) pkix.Extension {
		return pkix.Extension{Id: append(asn1.ObjectIdentifier{2, 5, 29}, id...), Critical: critical, Value: []byte(value)}
	}
	for _, c := range []struct {
		name      string
		extension pkix.Extension
		kind      error
	}{
		{"an unknown extension", pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}}, nil},
		{"an unknown extension that is critical", pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true}, der.ErrUnhandledCritical},
		{"an issuerAltName that is critical", extension(true, "\x30\x03\x82\x01a", 18), der.ErrUnhandledCritical},
		{"an issuerAltName", extension(false, "\x30\x03\x82\x01a", 18), nil},

		{"a number of 20 octets", extension(false, "\x02\x14"+strings.Repeat("\x01", 20), 20), nil},
		{"a number of 21 octets", extension(false, "\x02\x15"+strings.Repeat("\x01", 21), 20), der.ErrMalformed},
		{"a negative number", extension(false, "\x02\x01\xff", 20), der.ErrMalformed},
		{"a number that is not minimal", extension(false, "\x02\x02\x00\x01", 20), der.ErrMalformed},
		{"a number with something behind", extension(false, "\x02\x01\x01\x00", 20), der.ErrMalformed},
		{"a number that is not an integer", extension(false, "\x04\x01\x01", 20), der.ErrMalformed},

		{"an empty authorityKeyIdentifier", extension(false, "\x30\x00", 35), nil},
		{"an authorityKeyIdentifier with something behind", extension(false, "\x30\x00\x00", 35), der.ErrMalformed},
		{"an authorityKeyIdentifier with an unknown field", extension(false, "\x30\x02\x83\x00", 35), der.ErrMalformed},
		{"an authorityKeyIdentifier with a serial but no issuer", extension(false, "\x30\x03\x82\x01\x01", 35), der.ErrMalformed},

		{"an empty issuingDistributionPoint", extension(true, "\x30\x00", 28), der.ErrMalformed},
		{"onlyContainsUserCerts", extension(true, "\x30\x03\x81\x01\xff", 28), nil},
		{"onlyContainsUserCerts, not critical", extension(false, "\x30\x03\x81\x01\xff", 28), nil},
		{"onlyContainsUserCerts, FALSE aloud", extension(true, "\x30\x03\x81\x01\x00", 28), der.ErrMalformed},
		{"onlyContainsUserCerts, TRUE otherwise", extension(true, "\x30\x03\x81\x01\x01", 28), der.ErrMalformed},
		{"onlyContainsUserCerts and onlyContainsCACerts", extension(true, "\x30\x06\x81\x01\xff\x82\x01\xff", 28), der.ErrMalformed},
		{"onlyContainsUserCerts and onlyContainsAttributeCerts", extension(true, "\x30\x06\x81\x01\xff\x85\x01\xff", 28), der.ErrMalformed},
		{"onlyContainsCACerts and onlyContainsAttributeCerts", extension(true, "\x30\x06\x82\x01\xff\x85\x01\xff", 28), der.ErrMalformed},
		{"indirectCRL and onlyContainsUserCerts", extension(true, "\x30\x06\x81\x01\xff\x84\x01\xff", 28), nil},
		{"onlyContainsUserCerts of two octets", extension(true, "\x30\x04\x81\x02\xff\xff", 28), der.ErrMalformed},
		{"onlyContainsUserCerts of none", extension(true, "\x30\x02\x81\x00", 28), der.ErrMalformed},
		{"the fields in another order", extension(true, "\x30\x06\x84\x01\xff\x81\x01\xff", 28), der.ErrMalformed},
		{"a field twice", extension(true, "\x30\x06\x81\x01\xff\x81\x01\xff", 28), der.ErrMalformed},
		{"an unknown field", extension(true, "\x30\x03\x86\x01\xff", 28), der.ErrMalformed},
		{"onlySomeReasons", extension(true, "\x30\x04\x83\x02\x06\x40", 28), nil},
		{"onlySomeReasons without a count of unused bits", extension(true, "\x30\x02\x83\x00", 28), der.ErrMalformed},
		{"onlySomeReasons, the last of them", extension(true, "\x30\x05\x83\x03\x07\x00\x80", 28), nil},
		{"onlySomeReasons of more bits than there are reasons", extension(true, "\x30\x06\x83\x04\x07\x00\x80\x80", 28), der.ErrMalformed},
		{"onlySomeReasons with trailing zero bits", extension(true, "\x30\x04\x83\x02\x05\x40", 28), der.ErrMalformed},
		{"onlySomeReasons with bits that are not used", extension(true, "\x30\x04\x83\x02\x06\x41", 28), der.ErrMalformed},
		{"onlySomeReasons of eight unused bits", extension(true, "\x30\x04\x83\x02\x08\x40", 28), der.ErrMalformed},
		{"onlySomeReasons, empty, of unused bits", extension(true, "\x30\x03\x83\x01\x01", 28), der.ErrMalformed},
		{"an empty distribution point name", extension(true, "\x30\x02\xa0\x00", 28), der.ErrMalformed},
		{"a full name without names", extension(true, "\x30\x04\xa0\x02\xa0\x00", 28), der.ErrMalformed},
		{"a relative name without attributes", extension(true, "\x30\x04\xa0\x02\xa1\x00", 28), der.ErrMalformed},
		{"a relative name", extension(true, "\x30\x0e\xa0\x0c\xa1\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a", 28), nil},
		{"a relative name with something behind", extension(true, "\x30\x10\xa0\x0e\xa1\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a\x05\x00", 28), der.ErrMalformed},
		{"an empty directory name", extension(true, "\x30\x08\xa0\x06\xa0\x04\xa4\x02\x30\x00", 28), nil},
		{"a directory name that is a set", extension(true, "\x30\x08\xa0\x06\xa0\x04\xa4\x02\x31\x00", 28), der.ErrMalformed},
		{"a name of a kind that there is not", extension(true, "\x30\x07\xa0\x05\xa0\x03\x89\x01a", 28), der.ErrMalformed},
		{"an issuingDistributionPoint with something behind", extension(true, "\x30\x03\x81\x01\xff\x00", 28), der.ErrMalformed},

		{"a freshestCRL that is malformed", extension(false, "\x30\x00", 46), der.ErrMalformed},
		{"a deltaCRLIndicator", extension(true, "\x02\x01\x01", 27), nil},
		{"a deltaCRLIndicator that is negative", extension(true, "\x02\x01\xff", 27), der.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			list := with(p.ca.crl(), func(l *revocationtest.CRL) {
				l.Extensions = []pkix.Extension{c.extension}
				if c.extension.Id[len(c.extension.Id)-1] == 20 {
					l.NoNumber = true
				}
				if c.extension.Id[len(c.extension.Id)-1] == 35 {
					l.AuthorityKeyID = []byte{}
				}
			})
			err := parse(list.DER())
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			requireError(t, err, c.kind)
		})
	}
	many := func(n int) (extensions []pkix.Extension) {
		for i := range n {
			extensions = append(extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, i}})
		}
		return extensions
	}
	few := with(p.ca.crl(), func(c *revocationtest.CRL) { c.Extensions = many(30) })
	require.NoError(t, parse(few.DER()))
	tooMany := with(p.ca.crl(), func(c *revocationtest.CRL) { c.Extensions = many(31) })
	requireError(t, parse(tooMany.DER()), der.ErrMalformed)
}

func TestDeltaCRLExtensions(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	delta := func(change func(*revocationtest.CRL)) error {
		return parse(with(p.ca.crl(leafSerial), func(c *revocationtest.CRL) {
			c.BaseNumber, c.Number = 1, 2
			change(c)
		}).DER())
	}
	require.NoError(t, delta(func(c *revocationtest.CRL) { c.Entries[0].Reason = revocation.ReasonRemoveFromCRL }))
	requireError(t, delta(func(c *revocationtest.CRL) { c.NoNumber = true }), der.ErrMalformed)
	requireError(t, delta(func(c *revocationtest.CRL) {
		c.FreshestCRL = []revocationtest.DistributionPoint{at(urls("http://crl.example/delta.crl"))}
	}), der.ErrMalformed)
}

func TestIndirectCRLEntries(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	behind := ""
	issuer := func(critical bool, names ...string) error {
		value := &dertest.Node{Tag: 0x30}
		for _, name := range names {
			value.Children = append(value.Children, dertest.Parse([]byte(name)))
		}
		if len(names) == 0 {
			value.Content = []byte{}
		}
		return parse(with(inScope(p.other.crl(1), revocationtest.Scope{Indirect: true}), func(c *revocationtest.CRL) {
			c.Entries[0].Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: critical, Value: append(value.Bytes(), behind...)}}
		}).DER())
	}
	directoryName := func(name []byte) string {
		return string((&dertest.Node{Tag: 0xa4, Children: []*dertest.Node{dertest.Parse(name)}}).Bytes())
	}
	ca, root := directoryName(p.ca.cert.RawSubject), directoryName(p.root.cert.RawSubject)
	require.NoError(t, issuer(true, ca))
	require.NoError(t, issuer(true, "\x82\x01a", ca))
	requireError(t, issuer(false, ca), der.ErrMalformed)
	requireError(t, issuer(true, ca, root), der.ErrMalformed)
	requireError(t, issuer(true), der.ErrMalformed)
	requireError(t, issuer(true, "\x82\x01a"), der.ErrMalformed)
	requireError(t, issuer(true, "\xa4\x02\x30\x00"), der.ErrMalformed)
	behind = "\x05\x00"
	requireError(t, issuer(true, ca), der.ErrMalformed)
}
