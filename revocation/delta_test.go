// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestDeltaCRL(t *testing.T) {
	p := newCRLPKI(t)
	type list = revocationtest.CRL
	// A delta CRL goes from number 5 to 7, the complete CRL is number 5.
	number := func(n int64, crl list, changes ...func(*list)) list {
		return with(crl, func(c *list) {
			c.Number = n
			for _, change := range changes {
				change(c)
			}
		})
	}
	since := func(base int64) func(*list) { return func(c *list) { c.BaseNumber = base } }
	reason := func(r revocation.Reason) func(*list) { return func(c *list) { c.Entries[0].Reason = r } }
	over := func(c *list) { c.ThisUpdate, c.NextUpdate = ocspNow.Add(-2*time.Hour), ocspNow.Add(-time.Minute) }
	ahead := func(c *list) { c.ThisUpdate = ocspNow.Add(time.Hour / 2) }
	scoped := func(c *list) { c.Scope = &revocationtest.Scope{OnlyUserCerts: true} }
	byOther := func(c *list) { c.Key = p.other.key }
	indirect := func(c *list) { c.Scope = &revocationtest.Scope{Indirect: true} }

	complete := number(5, p.ca.crl())
	held := number(5, p.ca.crl(leafSerial), reason(revocation.ReasonCertificateHold))
	delta, listing := number(7, p.ca.crl(), since(5)), number(7, p.ca.crl(leafSerial), since(5))
	removing := number(7, p.ca.crl(leafSerial), since(5), reason(revocation.ReasonRemoveFromCRL))
	compromised := reason(revocation.ReasonKeyCompromise)

	for _, c := range []struct {
		name string
		crls []list
		want crlVerdict
	}{
		{"a delta CRL alone", []list{delta}, unknown(revocation.ErrScope)},
		{"a delta CRL that lists nothing", []list{complete, delta}, good},
		{"a delta CRL that lists the certificate", []list{complete, listing}, revokedFor(revocation.ReasonUnspecified)},
		{"a delta CRL that leaves a revocation as it is", []list{held, delta}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL that changes the reason", []list{held, number(7, p.ca.crl(leafSerial), since(5), compromised)}, revokedFor(revocation.ReasonKeyCompromise)},
		{"a delta CRL that takes the certificate off", []list{held, removing}, good},
		{"a delta CRL that takes off what was not on", []list{complete, removing}, good},
		{"a delta CRL that takes off and lists it", []list{held, with(removing, func(c *list) {
			c.Entries = append(c.Entries, revocationtest.Entry{Serial: c.Entries[0].Serial, Reason: revocation.ReasonSuperseded})
		})}, revokedFor(revocation.ReasonSuperseded)},
		{"the newer of two delta CRLs", []list{held, removing, number(8, p.ca.crl(), since(5))}, revokedFor(revocation.ReasonCertificateHold)},
		{"the newer of two delta CRLs, added first", []list{number(8, p.ca.crl(), since(5)), held, removing}, revokedFor(revocation.ReasonCertificateHold)},

		{"a delta CRL from an earlier complete CRL", []list{held, number(7, p.ca.crl(leafSerial), since(4), reason(revocation.ReasonRemoveFromCRL))}, good},
		{"a delta CRL from a later complete CRL", []list{held, number(7, p.ca.crl(leafSerial), since(6), reason(revocation.ReasonRemoveFromCRL))}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL as old as the complete CRL", []list{held, number(5, p.ca.crl(leafSerial), since(4), reason(revocation.ReasonRemoveFromCRL))}, revokedFor(revocation.ReasonCertificateHold)},
		{"a complete CRL without a number", []list{with(held, func(c *list) { c.NoNumber = true }), removing}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL of another scope", []list{held, number(7, p.ca.crl(leafSerial), since(5), scoped, reason(revocation.ReasonRemoveFromCRL))}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL without a scope, to a complete CRL with one", []list{number(5, held, scoped), removing}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL of the same scope", []list{number(5, held, scoped), number(7, removing, scoped)}, good},
		{"a delta CRL of another authority key", []list{held, number(7, removing, func(c *list) { c.AuthorityKeyID = []byte("other") })}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL signed with another key", []list{held, number(7, removing, byOther)}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL that has not begun", []list{held, number(7, removing, ahead)}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL that has expired, taking the certificate off", []list{held, number(7, removing, over)}, revokedFor(revocation.ReasonCertificateHold)},
		{"a delta CRL that has expired, listing the certificate", []list{complete, number(7, listing, over)}, revokedFor(revocation.ReasonUnspecified)},
		{"a delta CRL that has expired, listing nothing", []list{complete, number(7, delta, over)}, good},
		{"a complete CRL that has expired, brought up to date", []list{number(5, complete, over), delta}, good},
		{"a complete CRL that has expired, and a delta CRL that is not for it", []list{number(5, complete, over), number(7, p.ca.crl(), since(6))}, unknown(revocation.ErrExpired)},
		{"both of which have expired", []list{number(5, complete, over), number(7, delta, over)}, unknown(revocation.ErrExpired)},
		{"indirect ones, the delta CRL listing another issuer's certificate", []list{number(5, complete, indirect), number(7, listing, indirect, func(c *list) { c.Entries[0].CertificateIssuer = p.root.cert.RawSubject })}, good},
		{"indirect ones, the delta CRL listing the certificate", []list{number(5, complete, indirect), number(7, listing, indirect, func(c *list) { c.Entries[0].CertificateIssuer = p.ca.cert.RawSubject })}, revokedFor(revocation.ReasonUnspecified)},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.require(t, crlsOf(t, c.crls...), p.leaf(t), ocspNow)
		})
	}
}

// The times of an answer are those of the CRL that brought it up to date.
func TestDeltaCRLAnswerTimes(t *testing.T) {
	p := newCRLPKI(t)
	delta := with(p.ca.crl(), func(c *revocationtest.CRL) {
		c.Number, c.BaseNumber, c.ThisUpdate, c.NextUpdate = 2, 1, ocspNow.Add(-time.Minute), ocspNow.Add(time.Minute)
	})
	removing := with(delta, func(c *revocationtest.CRL) {
		c.Entries = []revocationtest.Entry{{Serial: big.NewInt(leafSerial), Date: ocspNow.Add(-time.Hour), Reason: revocation.ReasonRemoveFromCRL}}
	})
	for name, crls := range map[string]*revocation.CRLs{
		"that lists nothing":             crlsOf(t, p.ca.crl(), delta),
		"that takes the certificate off": crlsOf(t, p.ca.crl(leafSerial), removing),
	} {
		answer, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
		require.NoError(t, err, name)
		require.Equal(t, delta.ThisUpdate, answer.ThisUpdate, name)
		require.Equal(t, delta.NextUpdate, answer.NextUpdate, name)
	}
}

func TestFreshestCRL(t *testing.T) {
	p := newCRLPKI(t)
	const base, fresh = "http://crl.example/base.crl", "http://crl.example/delta.crl"
	delta := with(p.ca.crl(leafSerial), func(c *revocationtest.CRL) { c.Number, c.BaseNumber = 2, 1 })
	named := with(p.ca.crl(), func(c *revocationtest.CRL) {
		c.FreshestCRL = []revocationtest.DistributionPoint{at(urls("ldap://crl.example/", fresh))}
	})
	for _, c := range []struct {
		name       string
		extensions []pkix.Extension
		complete   revocationtest.CRL
		delta      *revocationtest.CRL // nil: it cannot be had
		want       crlVerdict
		asked      []string
	}{
		{"named nowhere", nil, p.ca.crl(), &delta, good, []string{base}},
		{"named in the CRL", nil, named, &delta, revokedFor(revocation.ReasonUnspecified), []string{base, fresh}},
		{"named in the certificate", []pkix.Extension{revocationtest.FreshestCRL(at(urls(fresh)))}, p.ca.crl(), &delta, revokedFor(revocation.ReasonUnspecified), []string{base, fresh}},
		{"not to be had", nil, named, nil, good, []string{base, fresh}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &crlServer{}
			server.publish(base, c.complete)
			if c.delta != nil {
				server.publish(fresh, *c.delta)
			}
			crls := &revocation.CRLs{Fetcher: server, Time: moving}
			path := p.leaf(t, append(c.extensions, points(at(urls(base))))...)
			c.want.require(t, crls, path, ocspNow)
			server.requireAsked(t, c.asked...)
		})
	}

	t.Run("from the next URL if what is at the first is not for the complete CRL", func(t *testing.T) {
		const second = "http://crl.example/second.crl"
		for base, want := range map[int64]crlVerdict{1: good, 9: revokedFor(revocation.ReasonUnspecified)} {
			server := &crlServer{}
			server.publish(second, delta)
			server.publish(fresh, with(p.ca.crl(), func(c *revocationtest.CRL) { c.Number, c.BaseNumber = 10, base }))
			complete := with(named, func(c *revocationtest.CRL) {
				c.FreshestCRL = []revocationtest.DistributionPoint{at(urls(fresh, second))}
			})
			crls := crlsOf(t, complete)
			crls.Fetcher, crls.Time = server, clock
			want.require(t, crls, p.leaf(t), ocspNow)
		}
	})

	t.Run("the newest decides, whether it was added or fetched", func(t *testing.T) {
		listing := func(number int64, serials ...int64) revocationtest.CRL {
			return with(p.ca.crl(serials...), func(c *revocationtest.CRL) { c.Number, c.BaseNumber = number, 1 })
		}
		for _, c := range []struct {
			added, fetched revocationtest.CRL
			want           crlVerdict
		}{
			{listing(2), listing(3, leafSerial), revokedFor(revocation.ReasonUnspecified)},
			{listing(3), listing(2, leafSerial), good},
			{listing(2, leafSerial), listing(3), good},
			{listing(3, leafSerial), listing(2), revokedFor(revocation.ReasonUnspecified)},
		} {
			server := &crlServer{}
			server.publish(base, named)
			server.publish(fresh, c.fetched)
			crls := crlsOf(t, c.added)
			crls.Fetcher, crls.Time = server, clock
			// Known CRLs answer; what is fetched beside them counts once it is there.
			path := p.leaf(t, points(at(urls(base))))
			require.Eventually(t, func() bool {
				a, err := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
				return err == nil && (a.Status == revocation.Good) == c.want.good
			}, 10*time.Second, time.Millisecond)
			c.want.require(t, crls, path, ocspNow)
		}
	})

	t.Run("what does not fit the complete CRL revokes all the same", func(t *testing.T) {
		for name, change := range map[string]func(*revocationtest.CRL){
			"a complete CRL":   func(c *revocationtest.CRL) { c.BaseNumber = 0 },
			"of another scope": func(c *revocationtest.CRL) { c.Scope = &revocationtest.Scope{OnlyUserCerts: true} },
		} {
			t.Run(name, func(t *testing.T) {
				server := &crlServer{}
				server.publish(base, named)
				server.publish(fresh, with(delta, change))
				revokedFor(revocation.ReasonUnspecified).require(t, &revocation.CRLs{Fetcher: server, Time: moving}, p.leaf(t, points(at(urls(base)))), ocspNow)
			})
		}
	})

	t.Run("only what fits the complete CRL is kept", func(t *testing.T) {
		for name, change := range map[string]func(*revocationtest.CRL){
			"signed with another key": func(c *revocationtest.CRL) { c.Key = p.other.key },
			"of another issuer":       func(c *revocationtest.CRL) { c.Issuer = p.other.cert },
		} {
			t.Run(name, func(t *testing.T) {
				server := &crlServer{}
				server.publish(base, named)
				server.publish(fresh, with(delta, change))
				cache := &memoryCache{}
				crls := &revocation.CRLs{Fetcher: server, Time: moving, Cache: cache}
				good.require(t, crls, p.leaf(t, points(at(urls(base)))), ocspNow)
				server.requireAsked(t, base, fresh)
				crls.Settle()
				require.Equal(t, 1, cache.members(), "the complete one")

				// It does not take the place of one that fits either, which still
				// revokes once it has expired.
				server = &crlServer{}
				server.publish(base, between(named, -time.Hour, 5*time.Hour))
				server.publish(fresh, between(delta, -time.Hour, time.Minute))
				crls = &revocation.CRLs{Fetcher: server, Time: moving}
				path := p.leaf(t, points(at(urls(base))))
				revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
				server.publish(fresh, with(between(p.ca.crl(), 0, 5*time.Hour), func(c *revocationtest.CRL) {
					c.Number, c.BaseNumber = 3, 1
					change(c)
				}))
				revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(time.Hour))
			})
		}
	})
}

// The delta CRL of a certificate that is asked about later is not the first's.
func TestFreshestCRLOfEach(t *testing.T) {
	p := newCRLPKI(t)
	const base, fresh = "http://crl.example/base.crl", "http://crl.example/delta.crl"
	server := &crlServer{}
	server.publish(base, p.ca.crl())
	server.publish(fresh, with(p.ca.crl(leafSerial+1), func(c *revocationtest.CRL) { c.Number, c.BaseNumber = 2, 1 }))
	crls := &revocation.CRLs{Fetcher: server, Time: moving}
	leaf := func(serial int64) []*x509.Certificate {
		leaf := ocspIssue(t, &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "leaf"},
			ExtraExtensions: []pkix.Extension{points(at(urls(base))), revocationtest.FreshestCRL(at(urls(fresh)))},
		}, testca.EC("leaf"), p.ca)
		return []*x509.Certificate{leaf.cert, p.ca.cert, p.root.cert}
	}
	good.require(t, crls, leaf(leafSerial), ocspNow)
	revokedFor(revocation.ReasonUnspecified).require(t, crls, leaf(leafSerial+1), ocspNow)
	server.requireAsked(t, base, fresh)
}

func TestAnExpiredDeltaWithAHigherNumberTakesNothingBack(t *testing.T) {
	p := newCRLPKI(t)
	complete := numbered(p.ca.crl(leafSerial), 5)
	current := with(numbered(p.ca.crl(leafSerial), 7), func(c *revocationtest.CRL) {
		c.BaseNumber, c.Entries[0].Reason = 5, revocation.ReasonRemoveFromCRL
	})
	over := with(numbered(between(p.ca.crl(), -time.Hour, -time.Minute), 8), func(c *revocationtest.CRL) { c.BaseNumber = 5 })
	revokedFor(revocation.ReasonUnspecified).require(t, crlsOf(t, complete, current, over), p.leaf(t), ocspNow)
}
