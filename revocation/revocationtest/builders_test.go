// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func rsaKey() crypto.Signer { return testca.RSA("CA") }

// issue makes a certificate with the given key; a nil parent makes a CA of it.
func issue(t *testing.T, template *x509.Certificate, key crypto.Signer, parent *x509.Certificate, parentKey crypto.Signer) *x509.Certificate {
	t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		parent, parentKey = template, key
	}
	return testca.Sign(template, parent, key.Public(), parentKey)
}

func newCA(t *testing.T, name string, key crypto.Signer) *x509.Certificate {
	t.Helper()
	return issue(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"nhs"}, CommonName: name}}, key, nil, nil)
}

func TestTheZeroCRLIsAnOrdinaryOne(t *testing.T) {
	ca := newCA(t, "SubCA", rsaKey())
	list, err := x509.ParseRevocationList(revocationtest.CRL{Issuer: ca, Key: rsaKey()}.DER())
	require.NoError(t, err)
	require.NoError(t, list.CheckSignatureFrom(ca))
	assert.Equal(t, ca.RawSubject, list.RawIssuer)
	assert.Equal(t, ca.SubjectKeyId, list.AuthorityKeyId)
	assert.Equal(t, big.NewInt(1), list.Number)
	assert.Equal(t, 24*time.Hour, list.NextUpdate.Sub(list.ThisUpdate))
	assert.Empty(t, list.RevokedCertificateEntries)
	assert.Len(t, list.Extensions, 2, "authority key identifier and number")
}

func TestEachAlgorithmSignsAListThatVerifies(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, c := range []struct {
		key        crypto.Signer
		algorithms []x509.SignatureAlgorithm
	}{
		{rsaKey(), []x509.SignatureAlgorithm{x509.SHA1WithRSA, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
			x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS}},
		{ec, []x509.SignatureAlgorithm{x509.ECDSAWithSHA1, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512}},
		{ed, []x509.SignatureAlgorithm{x509.PureEd25519}},
	} {
		ca := newCA(t, "SubCA", c.key)
		for _, algorithm := range c.algorithms {
			list, err := x509.ParseRevocationList(revocationtest.CRL{Issuer: ca, Key: c.key, SignatureAlgorithm: algorithm}.DER())
			require.NoError(t, err, algorithm)
			assert.Equal(t, algorithm, list.SignatureAlgorithm)
			if algorithm != x509.SHA1WithRSA { // crypto/x509 verifies no list signed so
				assert.NoError(t, list.CheckSignatureFrom(ca), algorithm)
			}
		}
	}
}

func TestEachFieldOfACRLChangesOneThing(t *testing.T) {
	ca := newCA(t, "SubCA", rsaKey())
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	raw := func(id ...int) func(*x509.RevocationList) *pkix.Extension {
		return func(list *x509.RevocationList) *pkix.Extension {
			for _, extension := range list.Extensions {
				if extension.Id.Equal(id) {
					return &extension
				}
			}
			return nil
		}
	}
	idp, delta, freshest := raw(2, 5, 29, 28), raw(2, 5, 29, 27), raw(2, 5, 29, 46)
	for name, c := range map[string]struct {
		change func(*revocationtest.CRL)
		look   func(*testing.T, *x509.RevocationList)
	}{
		"an entry with all that it can have": {
			func(c *revocationtest.CRL) {
				c.Entries = []revocationtest.Entry{{Serial: big.NewInt(7), Date: at.Add(-time.Hour), Reason: revocation.ReasonKeyCompromise,
					InvalidityDate: at.Add(-2 * time.Hour), CertificateIssuer: ca.RawSubject,
					Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}}}
			},
			func(t *testing.T, list *x509.RevocationList) {
				require.Len(t, list.RevokedCertificateEntries, 1)
				entry := list.RevokedCertificateEntries[0]
				assert.Equal(t, big.NewInt(7), entry.SerialNumber)
				assert.Equal(t, 1, entry.ReasonCode)
				assert.Equal(t, at.Add(-time.Hour), entry.RevocationTime)
				require.Len(t, entry.Extensions, 4)
				assert.False(t, entry.Extensions[0].Critical)
				assert.Equal(t, []byte("\x18\x0f20260301100000Z"), entry.Extensions[1].Value)
				assert.True(t, entry.Extensions[2].Critical)
				assert.True(t, entry.Extensions[3].Critical)
			},
		},
		"an entry with a serial alone": {
			func(c *revocationtest.CRL) { c.Entries = []revocationtest.Entry{{Serial: big.NewInt(7)}} },
			func(t *testing.T, list *x509.RevocationList) {
				require.Len(t, list.RevokedCertificateEntries, 1)
				assert.Empty(t, list.RevokedCertificateEntries[0].Extensions)
				assert.Equal(t, at, list.RevokedCertificateEntries[0].RevocationTime)
			},
		},
		"a scope": {
			func(c *revocationtest.CRL) {
				c.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{"http://crl/7"}}, OnlyUserCerts: true}
			},
			func(t *testing.T, list *x509.RevocationList) {
				require.NotNil(t, idp(list))
				assert.True(t, idp(list).Critical)
				assert.Equal(t, []byte("\x30\x15\xa0\x10\xa0\x0e\x86\x0chttp://crl/7\x81\x01\xff"), idp(list).Value)
			},
		},
		"a scope with every other field": {
			func(c *revocationtest.CRL) {
				c.Scope = &revocationtest.Scope{OnlyCACerts: true, Indirect: true, OnlyAttributeCerts: true, NotCritical: true,
					OnlySomeReasons: []revocation.Reason{revocation.ReasonKeyCompromise, revocation.ReasonAACompromise}}
			},
			func(t *testing.T, list *x509.RevocationList) {
				require.NotNil(t, idp(list))
				assert.False(t, idp(list).Critical)
				assert.Equal(t, []byte("\x30\x0e\x82\x01\xff\x83\x03\x07\x40\x80\x84\x01\xff\x85\x01\xff"), idp(list).Value)
			},
		},
		"a scope by relative name": {
			func(c *revocationtest.CRL) {
				c.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{Relative: pkix.RelativeDistinguishedNameSET{
					{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "c7"}}}}
			},
			func(t *testing.T, list *x509.RevocationList) {
				require.NotNil(t, idp(list))
				assert.Equal(t, []byte("\x30\x0f\xa0\x0d\xa1\x0b\x30\x09\x06\x03\x55\x04\x03\x13\x02c7"), idp(list).Value)
			},
		},
		"a base number": {
			func(c *revocationtest.CRL) { c.BaseNumber = 4 },
			func(t *testing.T, list *x509.RevocationList) {
				require.NotNil(t, delta(list))
				assert.True(t, delta(list).Critical)
				assert.Equal(t, []byte{2, 1, 4}, delta(list).Value)
			},
		},
		"a number": {
			func(c *revocationtest.CRL) { c.Number = 300 },
			func(t *testing.T, list *x509.RevocationList) { assert.Equal(t, big.NewInt(300), list.Number) },
		},
		"no number": {
			func(c *revocationtest.CRL) { c.NoNumber = true },
			func(t *testing.T, list *x509.RevocationList) { assert.Nil(t, list.Number) },
		},
		"the place of the deltas": {
			func(c *revocationtest.CRL) {
				c.FreshestCRL = []revocationtest.DistributionPoint{{PointName: revocationtest.PointName{URLs: []string{"http://d"}}}}
			},
			func(t *testing.T, list *x509.RevocationList) {
				require.NotNil(t, freshest(list))
				assert.False(t, freshest(list).Critical)
				assert.Equal(t, []byte("\x30\x10\x30\x0e\xa0\x0c\xa0\x0a\x86\x08http://d"), freshest(list).Value)
			},
		},
		"another authority key identifier": {
			func(c *revocationtest.CRL) { c.AuthorityKeyID = []byte{1, 2} },
			func(t *testing.T, list *x509.RevocationList) { assert.Equal(t, []byte{1, 2}, list.AuthorityKeyId) },
		},
		"no authority key identifier": {
			func(c *revocationtest.CRL) { c.AuthorityKeyID = []byte{} },
			func(t *testing.T, list *x509.RevocationList) { assert.Nil(t, list.AuthorityKeyId) },
		},
		"no nextUpdate": {
			func(c *revocationtest.CRL) { c.NoNextUpdate = true },
			func(t *testing.T, list *x509.RevocationList) { assert.True(t, list.NextUpdate.IsZero()) },
		},
		"another nextUpdate, after 2049": {
			func(c *revocationtest.CRL) { c.NextUpdate = time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC) },
			func(t *testing.T, list *x509.RevocationList) { assert.Equal(t, 2050, list.NextUpdate.Year()) },
		},
		"a further extension": {
			func(c *revocationtest.CRL) {
				c.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			},
			func(t *testing.T, list *x509.RevocationList) { assert.NotNil(t, raw(1, 2, 3)(list)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := revocationtest.CRL{Issuer: ca, Key: rsaKey(), ThisUpdate: at}
			changed := plain
			c.change(&changed)
			list, err := x509.ParseRevocationList(changed.DER())
			require.NoError(t, err)
			require.NoError(t, list.CheckSignatureFrom(ca))
			assert.Equal(t, at, list.ThisUpdate)
			c.look(t, list)
		})
	}
}

func TestACRLCanBeWrongInItsFrame(t *testing.T) {
	ca := newCA(t, "SubCA", rsaKey())
	broken, err := x509.ParseRevocationList(revocationtest.CRL{Issuer: ca, Key: rsaKey(), BrokenSignature: true}.DER())
	require.NoError(t, err)
	assert.Error(t, broken.CheckSignatureFrom(ca))

	_, err = x509.ParseRevocationList(revocationtest.CRL{Issuer: ca, Key: rsaKey(), InnerAlgorithm: x509.SHA384WithRSA}.DER())
	assert.ErrorContains(t, err, "identifiers")

	_, err = x509.ParseRevocationList(revocationtest.CRL{Issuer: ca, Key: rsaKey(), Version1: true}.DER())
	assert.ErrorContains(t, err, "version", "crypto/x509 reads version 2 only")

	var tbs []byte
	edited, err := x509.ParseRevocationList(revocationtest.CRL{Issuer: ca, Key: rsaKey(), Edit: func(b []byte) []byte {
		tbs = b
		return b
	}}.DER())
	require.NoError(t, err)
	assert.Equal(t, tbs, edited.RawTBSRevocationList)
}

func TestDistributionPointsOfACertificate(t *testing.T) {
	key := rsaKey()
	ca := newCA(t, "SubCA", key)
	cert := issue(t, &x509.Certificate{SerialNumber: big.NewInt(2), ExtraExtensions: []pkix.Extension{
		revocationtest.CRLDistributionPoints(
			revocationtest.DistributionPoint{PointName: revocationtest.PointName{URLs: []string{"http://a", "http://b"}},
				Reasons: []revocation.Reason{revocation.ReasonKeyCompromise}},
			revocationtest.DistributionPoint{CRLIssuers: [][]byte{ca.RawSubject}},
		)}}, key, ca, key)
	assert.Equal(t, []string{"http://a", "http://b"}, cert.CRLDistributionPoints)
}

func TestTheZeroOCSPResponseIsAnOrdinaryOne(t *testing.T) {
	ca := newCA(t, "SubCA", rsaKey())
	der := revocationtest.OCSPResponse{Issuer: ca, Key: rsaKey(), Answers: []revocationtest.SingleResponse{{Serial: big.NewInt(7)}}}.DER()
	response, err := ocsp.ParseResponse(der, ca)
	require.NoError(t, err)
	assert.Equal(t, ocsp.Good, response.Status)
	assert.Equal(t, big.NewInt(7), response.SerialNumber)
	assert.Equal(t, crypto.SHA1, response.IssuerHash)
	assert.Equal(t, ca.RawSubject, response.RawResponderName)
	assert.Equal(t, 24*time.Hour, response.NextUpdate.Sub(response.ThisUpdate))
	assert.Empty(t, response.Extensions)
	assert.Nil(t, response.Certificate)
}

func TestEachFieldOfAnOCSPResponseChangesOneThing(t *testing.T) {
	ca := newCA(t, "SubCA", rsaKey())
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	responder := issue(t, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "responder"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}, ec, ca, rsaKey())
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*revocationtest.OCSPResponse)
		look   func(*testing.T, *ocsp.Response, error)
	}{
		"revoked": {
			func(r *revocationtest.OCSPResponse) {
				r.Answers[0].Status, r.Answers[0].Reason = ocsp.Revoked, revocation.ReasonSuperseded
				r.Answers[0].RevokedAt = at.Add(-time.Hour)
			},
			func(t *testing.T, r *ocsp.Response, err error) {
				require.NoError(t, err)
				assert.Equal(t, ocsp.Revoked, r.Status)
				assert.Equal(t, ocsp.Superseded, r.RevocationReason)
				assert.Equal(t, at.Add(-time.Hour), r.RevokedAt)
			},
		},
		"unknown": {
			func(r *revocationtest.OCSPResponse) { r.Answers[0].Status = ocsp.Unknown },
			func(t *testing.T, r *ocsp.Response, err error) {
				require.NoError(t, err)
				assert.Equal(t, ocsp.Unknown, r.Status)
			},
		},
		"a CertID by SHA-256": {
			func(r *revocationtest.OCSPResponse) { r.Answers[0].Hash = crypto.SHA256 },
			func(t *testing.T, r *ocsp.Response, err error) {
				require.NoError(t, err)
				assert.Equal(t, crypto.SHA256, r.IssuerHash)
			},
		},
		"no nextUpdate": {
			func(r *revocationtest.OCSPResponse) { r.Answers[0].NoNextUpdate = true },
			func(t *testing.T, r *ocsp.Response, err error) {
				require.NoError(t, err)
				assert.True(t, r.NextUpdate.IsZero())
			},
		},
		"times of its own": {
			func(r *revocationtest.OCSPResponse) {
				r.Answers[0].ThisUpdate, r.Answers[0].NextUpdate = at.Add(-2*time.Hour), at
			},
			func(t *testing.T, r *ocsp.Response, err error) {
				require.NoError(t, err)
				assert.Equal(t, at.Add(-2*time.Hour), r.ThisUpdate)
				assert.Equal(t, at, r.NextUpdate)
			},
		},
		"a responder named by its key": {
			func(r *revocationtest.OCSPResponse) { r.ByKey = true },
			func(t *testing.T, r *ocsp.Response, err error) {
				require.NoError(t, err)
				hash := sha1.Sum(x509.MarshalPKCS1PublicKey(ca.PublicKey.(*rsa.PublicKey)))
				assert.Equal(t, hash[:], r.ResponderKeyHash)
				assert.Nil(t, r.RawResponderName)
			},
		},
		"a delegated responder": {
			func(r *revocationtest.OCSPResponse) { r.Responder, r.Key = responder, ec },
			func(t *testing.T, r *ocsp.Response, err error) {
				require.NoError(t, err)
				require.NotNil(t, r.Certificate)
				assert.Equal(t, responder.Raw, r.Certificate.Raw)
				assert.Equal(t, responder.RawSubject, r.RawResponderName)
			},
		},
		"a delegated responder without its certificate": {
			func(r *revocationtest.OCSPResponse) {
				r.Responder, r.Key, r.Certificates = responder, ec, []*x509.Certificate{}
			},
			func(t *testing.T, _ *ocsp.Response, err error) { assert.Error(t, err) },
		},
		"a broken signature": {
			func(r *revocationtest.OCSPResponse) { r.BrokenSignature = true },
			func(t *testing.T, _ *ocsp.Response, err error) { assert.ErrorContains(t, err, "signature") },
		},
		"a status without an answer": {
			func(r *revocationtest.OCSPResponse) { r.Status = ocsp.TryLater },
			func(t *testing.T, _ *ocsp.Response, err error) {
				assert.Equal(t, ocsp.ResponseError{Status: ocsp.TryLater}, err)
			},
		},
		"a critical extension of one answer": {
			func(r *revocationtest.OCSPResponse) {
				r.Answers[0].Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			},
			func(t *testing.T, _ *ocsp.Response, err error) { assert.ErrorContains(t, err, "critical") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := revocationtest.OCSPResponse{Issuer: ca, Key: rsaKey(), ProducedAt: at,
				Answers: []revocationtest.SingleResponse{{Serial: big.NewInt(7)}}}
			c.change(&r)
			response, err := ocsp.ParseResponse(r.DER(), ca)
			c.look(t, response, err)
		})
	}
}
