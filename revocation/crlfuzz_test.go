// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/crltest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// FuzzCRL reads whatever it is given beside crypto/x509: what both take for a
// CRL they agree on.
func FuzzCRL(f *testing.F) {
	p := newCRLPKI(f)
	f.Add(p.ca.crl().DER())
	f.Add(fullCRL(p).DER())
	f.Add(with(fullCRL(p), func(c *revocationtest.CRL) { c.Version1 = true }).DER())
	f.Add(with(p.ca.crl(1, 2, 3), func(c *revocationtest.CRL) {
		c.Number, c.BaseNumber, c.Entries[1].Reason = 2, 1, revocation.ReasonRemoveFromCRL
	}).DER())
	f.Add(inScope(with(p.other.crl(1, 2, 2), func(c *revocationtest.CRL) {
		c.Entries[1].CertificateIssuer = p.ca.cert.RawSubject
	}), revocationtest.Scope{PointName: crltest.Relative("one"), Indirect: true}).DER())
	many := p.ca.crl()
	for _, serial := range append(serialsOf(20, 8), serialsOf(20, 16)...) {
		many.Entries = append(many.Entries, revocationtest.Entry{Serial: serial, Reason: revocation.ReasonSuperseded})
	}
	f.Add(many.DER())
	f.Fuzz(func(t *testing.T, der []byte) {
		ours, err := revocation.ParseCRL(der)
		inPlace, inPlaceErr := revocation.ParseCRLInPlace(der)
		require.Equal(t, err, inPlaceErr)
		if err != nil {
			var crlError *revocation.CRLError
			require.ErrorAs(t, err, &crlError)
			return
		}
		theirs, err := x509.ParseRevocationList(der)
		if err != nil {
			return // version 1, PEM
		}
		require.Equal(t, theirs.ThisUpdate.UTC(), ours.ThisUpdate())
		require.Equal(t, theirs.NextUpdate.UTC(), ours.NextUpdate())
		require.Equal(t, len(theirs.AuthorityKeyId) > 0, ours.Names(&x509.Certificate{SubjectKeyId: theirs.AuthorityKeyId}))
		if theirs.Number == nil {
			require.Nil(t, ours.Number())
		} else {
			require.Zero(t, theirs.Number.Cmp(ours.Number()))
		}
		require.Equal(t, len(theirs.RevokedCertificateEntries), ours.Entries())
		if ours.Indirect() {
			return
		}
		first := map[string]x509.RevocationListEntry{}
		for _, entry := range theirs.RevokedCertificateEntries {
			serial := string(revocation.IntegerContent(entry.SerialNumber))
			known, twice := first[serial]
			if !twice || known.ReasonCode == int(revocation.ReasonRemoveFromCRL) {
				first[serial] = entry
			}
		}
		for serial, entry := range first {
			date, reason, listed := ours.Find([]byte(serial))
			require.True(t, listed)
			sameDate, sameReason, listed := inPlace.Find([]byte(serial))
			require.True(t, listed)
			require.Equal(t, date, sameDate)
			require.Equal(t, reason, sameReason)
			require.Equal(t, entry.ReasonCode, int(reason))
			require.Equal(t, entry.RevocationTime.UTC(), date)
			next := new(big.Int).Add(entry.SerialNumber, big.NewInt(1))
			other := string(revocation.IntegerContent(next))
			_, present := first[other]
			_, _, listed = ours.Find([]byte(other))
			require.Equal(t, present, listed)
			_, _, listed = inPlace.Find([]byte(other))
			require.Equal(t, present, listed)
		}
	})
}

// FuzzDistributionPoints reads whatever it is given as an
// issuingDistributionPoint and as distribution points: it does not panic, and
// what is taken is what comes out when it is written again.
func FuzzDistributionPoints(f *testing.F) {
	p := newCRLPKI(f)
	for _, point := range []revocationtest.DistributionPoint{
		at(urls("http://crl.example/1.crl", "ldap://crl.example/")),
		at(crltest.Relative("one")),
		{PointName: crltest.Directory(p.ca.cert.RawSubject), Reasons: []revocation.Reason{revocation.ReasonKeyCompromise, revocation.ReasonAACompromise}},
		{CRLIssuers: [][]byte{p.other.cert.RawSubject}},
	} {
		f.Add(points(point).Value)
	}
	f.Add([]byte("\x30\x0a\x81\x01\xff\x83\x02\x06\x40\x84\x01\xff"))
	// A URL behind a name of another kind.
	f.Add([]byte("\x30\x0d\x30\x0b\xa0\x09\xa0\x07\x82\x01a\x86\x02u:"))
	f.Fuzz(func(t *testing.T, der []byte) {
		urls, ok := revocation.ReadURLs(der)
		if !ok {
			return
		}
		require.Equal(t, urlsOfPoints(t, der), urls)
		// crypto/x509 reads the URLs of full names too, up to the first name that is
		// not a URL, and refuses the rest.
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		extension := points()
		extension.Value = der
		template.ExtraExtensions = append(template.ExtraExtensions, extension)
		made, err := x509.CreateCertificate(nil, template, template, p.ca.key.Public(), p.ca.key)
		require.NoError(t, err)
		cert, err := x509.ParseCertificate(made)
		if err != nil {
			return
		}
		require.Subset(t, urls, cert.CRLDistributionPoints)
	})
}

// urlsOfPoints returns the URLs of the full names of CRLDistributionPoints (RFC
// 5280, 4.2.1.13), as encoding/asn1 reads them.
func urlsOfPoints(t *testing.T, der []byte) (urls []string) {
	t.Helper()
	parts := func(der []byte) (parts []asn1.RawValue) {
		for len(der) > 0 {
			var part asn1.RawValue
			rest, err := asn1.Unmarshal(der, &part)
			require.NoError(t, err)
			parts, der = append(parts, part), rest
		}
		return parts
	}
	for _, points := range parts(der) {
		for _, point := range parts(points.Bytes) {
			for _, field := range parts(point.Bytes) {
				if field.Tag != 0 { // distributionPoint
					continue
				}
				for _, name := range parts(field.Bytes) {
					if name.Tag != 0 { // fullName
						continue
					}
					for _, general := range parts(name.Bytes) {
						if general.Tag == 6 { // uniformResourceIdentifier
							urls = append(urls, string(general.Bytes))
						}
					}
				}
			}
		}
	}
	return urls
}
