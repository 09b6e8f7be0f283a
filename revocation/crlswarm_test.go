// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// An answer is cached only as long as the documents that decided it.
func TestCRLsKeptAnswers(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))

	t.Run("until another CRL is added", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl())
		good.require(t, crls, path, ocspNow)
		require.NoError(t, crls.Add(numbered(p.ca.crl(leafSerial), 2).DER()))
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
		require.NoError(t, crls.Add(numbered(p.ca.crl(), 3).DER()))
		good.require(t, crls, path, ocspNow)
	})
	t.Run("until the CRL expires, or before it is valid", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl())
		good.require(t, crls, path, ocspNow)
		good.require(t, crls, path, ocspNow.Add(time.Hour))
		unknown(revocation.ErrExpired).require(t, crls, path, ocspNow.Add(time.Hour+1))
		good.require(t, crls, path, ocspNow.Add(-time.Hour-5*time.Minute))
		unknown(revocation.ErrNotYetValid).require(t, crls, path, ocspNow.Add(-time.Hour-5*time.Minute-1))
	})
	t.Run("until a newer CRL becomes valid", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl(leafSerial), numbered(between(p.ca.crl(), 30*time.Minute, 2*time.Hour), 2))
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(25*time.Minute-1))
		good.require(t, crls, path, ocspNow.Add(25*time.Minute))
	})
	t.Run("until a delta CRL becomes valid, and until it expires", func(t *testing.T) {
		delta := with(between(p.ca.crl(leafSerial), 30*time.Minute, 40*time.Minute), func(c *revocationtest.CRL) {
			c.Number, c.BaseNumber = 2, 1
			c.Entries[0].Reason = revocation.ReasonRemoveFromCRL
		})
		crls := crlsOf(t, p.ca.crl(leafSerial), delta)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
		good.require(t, crls, path, ocspNow.Add(25*time.Minute))
		good.require(t, crls, path, ocspNow.Add(40*time.Minute))
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(40*time.Minute+1))
	})
	t.Run("until the CRL issuer's certificate expires", func(t *testing.T) {
		end := ocspNow.Add(10 * time.Minute)
		key := ocspIssue(t, &x509.Certificate{
			SerialNumber: big.NewInt(50), Subject: p.ca.cert.Subject, KeyUsage: x509.KeyUsageCRLSign,
			NotBefore: ocspNow.Add(-10 * time.Minute), NotAfter: end,
		}, testca.EC("other"), p.root)
		crls := crlsOf(t, key.crl(), p.root.crl())
		crls.Issuers = []*x509.Certificate{key.cert}
		good.require(t, crls, path, ocspNow)
		good.require(t, crls, path, end)
		unknown(revocation.ErrSignature).require(t, crls, path, end.Add(time.Second))
		unknown(revocation.ErrSignature).require(t, crls, path, ocspNow.Add(-10*time.Minute-1))
	})
	t.Run("until a certificate of the path expires that its CRL issuer needs", func(t *testing.T) {
		template := crlCA("Sub CA", 2)
		template.NotBefore, template.NotAfter = ocspNow.AddDate(-1, 0, 0), ocspNow.Add(10*time.Minute)
		ca := ocspIssue(t, template, p.ca.key, p.root)
		newKey := crlCA("Sub CA", 50)
		newKey.SubjectKeyId = []byte("new")
		key := ocspIssue(t, newKey, testca.EC("other"), ca)
		crls := crlsOf(t, key.crl())
		crls.Issuers = []*x509.Certificate{key.cert}
		path := []*x509.Certificate{path[0], ca.cert, p.root.cert}
		good.require(t, crls, path, ocspNow)
		good.require(t, crls, path, template.NotAfter)
		unknown(revocation.ErrSignature).require(t, crls, path, template.NotAfter.Add(time.Second))
	})
	t.Run("not for a time before a delta CRL expired", func(t *testing.T) {
		delta := with(between(p.ca.crl(leafSerial), -time.Minute, time.Minute), func(c *revocationtest.CRL) {
			c.Number, c.BaseNumber = 2, 1
			c.Entries[0].Reason = revocation.ReasonRemoveFromCRL
		})
		crls := crlsOf(t, p.ca.crl(leafSerial), delta)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(time.Minute+1))
		good.require(t, crls, path, ocspNow.Add(time.Minute))
	})
	t.Run("for its path only", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl())
		good.require(t, crls, path, ocspNow)
		imposter := ocspIssue(t, crlCA("Sub CA", 2), testca.EC("other"), p.root)
		unknown(revocation.ErrSignature).require(t, crls, []*x509.Certificate{path[0], imposter.cert, p.root.cert}, ocspNow)
		again, err := x509.ParseCertificate(path[0].Raw)
		require.NoError(t, err)
		good.require(t, crls, []*x509.Certificate{again, p.ca.cert, p.root.cert}, ocspNow)

		// Another certificate under the same signature.
		crls = crlsOf(t, p.ca.crl(leafSerial+1))
		good.require(t, crls, path, ocspNow)
		again.SerialNumber = big.NewInt(leafSerial + 1)
		again.Raw = append(slices.Clone(again.Raw), 0)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, []*x509.Certificate{again, p.ca.cert, p.root.cert}, ocspNow)
	})
	t.Run("as long as a CRL that was not to be had is not", func(t *testing.T) {
		const fresh = "http://crl.example/delta.crl"
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(ocspNow))
			server := &crlServer{}
			server.publish(url, with(p.ca.crl(), func(c *revocationtest.CRL) {
				c.FreshestCRL = []revocationtest.DistributionPoint{at(urls(fresh))}
			}))
			crls := &revocation.CRLs{Fetcher: server}
			good.require(t, crls, path, time.Now())
			server.publish(fresh, with(p.ca.crl(leafSerial), func(c *revocationtest.CRL) { c.Number, c.BaseNumber = 2, 1 }))
			time.Sleep(30 * time.Minute)
			// A look is due: it is begun, and not waited for.
			_, err := crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
			require.NoError(t, err)
			synctest.Wait()
			revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
		})
	})
}

func TestCRLsWarmDoesNotAllocate(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	server := &crlServer{}
	server.publish(url, p.ca.crl())
	for _, crls := range []*revocation.CRLs{{Fetcher: server, Time: moving}, crlsOf(t, p.ca.crl())} {
		q := revocation.Query{Path: p.leaf(t, points(at(urls(url)))), At: ocspNow}
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if _, err := crls.Status(t.Context(), q); err != nil {
				t.Error(err)
			}
		}))
	}
}
