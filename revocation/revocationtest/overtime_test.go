// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"crypto"
	"crypto/x509"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestADeltaCRLRevokesHoldsAndReleases(t *testing.T) {
	onEstate(t, 0, func(t *testing.T, e *estate, _ []*revocationtest.Mirror) {
		a := e.authority
		a.Deltas = true
		leaf := e.leaf(a.CRLURL(7))
		e.accepted(leaf)
		complete := a.CRL(7)

		a.Revoke(leaf, revocation.ReasonCertificateHold, time.Time{})
		refreshed()
		e.revoked(leaf, revocation.ReasonCertificateHold)
		assert.Equal(t, complete, a.CRL(7), "the complete list stays the same")
		delta := list(t, a.Delta(7))
		assert.Equal(t, []int64{100}, serials(delta))
		assert.Positive(t, delta.Number.Cmp(list(t, complete).Number))

		a.Release(leaf)
		refreshed()
		e.accepted(leaf)
		assert.Empty(t, serials(list(t, a.Delta(7))), "neither list has it")
	})
}

func TestADeltaCRLRemovesAHoldFromTheCompleteList(t *testing.T) {
	onEstate(t, 0, func(t *testing.T, e *estate, _ []*revocationtest.Mirror) {
		a := e.authority
		a.Deltas = true
		leaf := e.leaf(a.CRLURL(7))
		a.Revoke(leaf, revocation.ReasonCertificateHold, time.Time{})
		assert.Equal(t, []int64{100}, serials(list(t, a.CRL(7))), "nothing was published before")
		e.revoked(leaf, revocation.ReasonCertificateHold)

		a.Release(leaf)
		removed := list(t, a.Delta(7)).RevokedCertificateEntries
		require.Len(t, removed, 1)
		assert.EqualValues(t, revocation.ReasonRemoveFromCRL, removed[0].ReasonCode)
		assert.Equal(t, []int64{100}, serials(list(t, a.CRL(7))))
		refreshed()
		e.accepted(leaf)

		a.Revoke(leaf, revocation.ReasonKeyCompromise, time.Time{})
		refreshed()
		e.revoked(leaf, revocation.ReasonKeyCompromise)

		a.Publish()
		assert.Equal(t, []int64{100}, serials(list(t, a.CRL(7))))
		assert.Empty(t, serials(list(t, a.Delta(7))), "the new complete list has it")
		refreshed()
		e.revoked(leaf, revocation.ReasonKeyCompromise)
	})
}

func TestADeltaCRLIsBasedOnTheLatestCompleteList(t *testing.T) {
	a, _, _ := start(t)
	now := time.Now().UTC().Truncate(time.Second)
	a.Time, a.Deltas = func() time.Time { return now }, true
	base := func() []byte {
		for _, e := range list(t, a.Delta(7)).Extensions {
			if e.Id.String() == "2.5.29.27" {
				return e.Value
			}
		}
		return nil
	}
	number := func() []byte { return append([]byte{2, 1}, list(t, a.CRL(7)).Number.Bytes()...) }
	a.CRL(7)
	now = now.Add(6 * time.Hour)
	first := number()
	assert.Equal(t, first, base())
	now = now.Add(7 * time.Hour) // the complete list is made anew, and the delta is 7 h old
	assert.Equal(t, number(), base())
	assert.NotEqual(t, first, base())
}

func TestCertificatesOfCAsAreOnTheCompleteListAlone(t *testing.T) {
	a, ca, _ := start(t)
	a.Deltas = true
	assert.Empty(t, serials(list(t, a.ARL())))
	a.Revoke(ca, revocation.ReasonCACompromise, time.Time{})
	assert.Equal(t, []int64{1}, serials(list(t, a.ARL())))
	assert.Len(t, list(t, a.ARL()).Extensions, 3, "no freshestCRL")
}

func TestWithoutDeltasThereIsNoDeltaCRL(t *testing.T) {
	a, _, _ := start(t)
	_, err := fetch(a, revocation.Request{URL: a.DeltaURL(7)})
	assert.ErrorContains(t, err, "404")
	assert.Panics(t, func() { a.Delta(7) })
	assert.Len(t, list(t, a.CRL(7)).Extensions, 3, "no freshestCRL")
}

func TestAMirrorHasListsAlone(t *testing.T) {
	a, ca, leaf := start(t)
	m := a.NewMirror()
	der, err := fetch(a, revocation.Request{URL: m.CRLURL(7)})
	require.NoError(t, err)
	assert.Equal(t, a.CRL(7), der)
	der, err = overHTTP(t.Context(), revocation.Request{URL: m.CRLURL(7)})
	require.NoError(t, err)
	assert.Equal(t, a.CRL(7), der)
	_, err = fetch(a, revocation.Request{URL: m.URL + "/ocsp", Body: question(t, leaf, ca, nil)})
	assert.ErrorContains(t, err, "404")
	assert.Equal(t, 3, a.Requests())
}

func TestAListExpiresByItsLifetime(t *testing.T) {
	onEstate(t, 0, func(t *testing.T, e *estate, _ []*revocationtest.Mirror) {
		a := e.authority
		a.Lifetime = 3 * time.Hour
		leaf := e.leaf(a.CRLURL(7))
		e.accepted(leaf)
		assert.Equal(t, 3*time.Hour, time.Until(list(t, a.CRL(7)).NextUpdate))
		answer, err := ocsp.ParseResponse(a.OCSP(leaf), e.ca)
		require.NoError(t, err)
		assert.Equal(t, 3*time.Hour, answer.NextUpdate.Sub(answer.ThisUpdate))

		refreshed()
		refreshed()
		refreshed()
		e.accepted(leaf) // a list is made anew once half of its lifetime has passed
		a.Fail(revocationtest.Unreachable)
		time.Sleep(3*time.Hour + time.Second)
		e.unknown(leaf, revocation.ErrExpired)
	})
}

// renew has the root issue the CA a certificate of another key.
func (e *estate) renew() (*x509.Certificate, crypto.Signer) {
	key := testca.EC("other")
	template := testca.CA("SubCA", 3)
	template.NotBefore, template.NotAfter = e.ca.NotBefore, e.ca.NotAfter
	return testca.Sign(template, e.root, key.Public(), e.key), key
}

func TestARolledKeySignsAllLists(t *testing.T) {
	onEstate(t, 0, func(t *testing.T, e *estate, _ []*revocationtest.Mirror) {
		a := e.authority
		renewed, key := e.renew()
		e.crls.Issuers = append(e.crls.Issuers, renewed)
		require.NoError(t, e.crls.Add(revocationtest.CRL{Issuer: e.root, Key: e.key, NextUpdate: e.root.NotAfter}.DER()))
		leaf := e.leaf(a.CRLURL(7))
		e.accepted(leaf)

		a.RollOver(renewed, key)
		time.Sleep(25 * time.Hour) // until the old key's last list has expired
		e.accepted(leaf)
		require.NoError(t, list(t, a.CRL(7)).CheckSignatureFrom(renewed))
		a.Revoke(leaf, revocation.ReasonSuperseded, time.Time{})
		refreshed()
		e.revoked(leaf, revocation.ReasonSuperseded)
	})
}

func TestAnAnswerIsSignedByTheKeyThatIssuedTheCertificate(t *testing.T) {
	onEstate(t, 0, func(t *testing.T, e *estate, _ []*revocationtest.Mirror) {
		a := e.authority
		a.RollOver(e.renew())
		leaf := e.leaf(a.CRLURL(7))
		a.Revoke(leaf, revocation.ReasonSuperseded, time.Time{})
		e.checker.Sources = []revocation.Source{&revocation.OCSP{}}
		err := e.checker.Check(t.Context(), []*x509.Certificate{leaf, e.ca, e.root}, a.OCSP(leaf))
		assert.ErrorAs(t, err, new(*revocation.RevokedError))
	})
	a, _, _ := start(t)
	assert.Panics(t, func() { a.RollOver(newCA(t, "Another CA", rsaKey()), rsaKey()) })
}

func TestNumbersThatBeginAnew(t *testing.T) {
	onEstate(t, 0, func(t *testing.T, e *estate, _ []*revocationtest.Mirror) {
		a := e.authority
		leaf := e.leaf(a.CRLURL(7))
		for range 5 {
			a.Publish()
			a.CRL(7)
		}
		e.accepted(leaf)
		before := list(t, a.CRL(7)).Number
		a.RestartNumbers()
		a.Revoke(leaf, revocation.ReasonKeyCompromise, time.Time{})
		refreshed()
		e.revoked(leaf, revocation.ReasonKeyCompromise)
		assert.Negative(t, list(t, a.CRL(7)).Number.Cmp(before))
	})
}

func TestAMirrorThatLags(t *testing.T) {
	const threeDays = 3 * 24 * time.Hour
	onEstate(t, 1, func(t *testing.T, e *estate, mirrors []*revocationtest.Mirror) {
		a, m := e.authority, mirrors[0]
		a.Lifetime = 7 * 24 * time.Hour
		m.Lag(threeDays)
		behind := e.leaf(m.CRLURL(7), a.CRLURL(7))
		a.Revoke(behind, revocation.ReasonKeyCompromise, time.Time{})
		lagging, err := fetch(a, revocation.Request{URL: m.CRLURL(7)})
		require.NoError(t, err)
		assert.Empty(t, serials(list(t, lagging)), "as it was before the Revoke")
		assert.Equal(t, []int64{100}, serials(list(t, a.CRL(7))))
		_, _ = e.check(behind) // whichever URL answers first decides
		refreshed()
		e.revoked(behind, revocation.ReasonKeyCompromise) // since a look asks both

		time.Sleep(threeDays)
		lagging, err = fetch(a, revocation.Request{URL: m.CRLURL(7)})
		require.NoError(t, err)
		assert.Equal(t, []int64{100}, serials(list(t, lagging)))
	})
}

// Of a certificate that names the mirror alone, the revocation is seen when the
// mirror has it.
func TestARevocationComesWithTheMirror(t *testing.T) {
	onEstate(t, 1, func(t *testing.T, e *estate, mirrors []*revocationtest.Mirror) {
		a, m := e.authority, mirrors[0]
		a.Deltas = true
		m.Lag(5 * time.Hour)
		leaf := e.leaf(a.CRLURL(8), m.CRLURL(8))
		a.Fail(revocationtest.Unreachable)
		e.accepted(leaf)
		a.Revoke(leaf, revocation.ReasonKeyCompromise, time.Time{})
		a.Publish()
		refreshed()
		refreshed()
		e.accepted(leaf)
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		e.revoked(leaf, revocation.ReasonKeyCompromise)
	})
}

func TestAMirrorThatLagsHasWhatWasDue(t *testing.T) {
	onEstate(t, 1, func(t *testing.T, e *estate, mirrors []*revocationtest.Mirror) {
		a, m := e.authority, mirrors[0]
		a.Deltas = true
		m.Lag(time.Hour)
		lagging := func(url string) *x509.RevocationList {
			der, err := fetch(a, revocation.Request{URL: url})
			require.NoError(t, err)
			return list(t, der)
		}
		lagging(m.CRLURL(7))
		time.Sleep(30 * 24 * time.Hour) // nothing is asked for
		assert.Positive(t, time.Until(lagging(m.CRLURL(7)).NextUpdate))
		assert.GreaterOrEqual(t, time.Since(lagging(m.CRLURL(7)).ThisUpdate), time.Hour)

		a.Revoke(e.leaf(a.CRLURL(8)), revocation.ReasonKeyCompromise, time.Time{})
		assert.Empty(t, serials(lagging(m.DeltaURL(8))))
		time.Sleep(time.Hour)
		assert.Equal(t, []int64{100}, serials(lagging(m.DeltaURL(8))))
	})
}

func TestAURLThatHangs(t *testing.T) {
	onEstate(t, 1, func(t *testing.T, e *estate, mirrors []*revocationtest.Mirror) {
		a, m := e.authority, mirrors[0]
		m.Fail(revocationtest.Hanging)
		waited, err := e.check(e.leaf(m.CRLURL(7), a.CRLURL(7)))
		require.NoError(t, err)
		assert.LessOrEqual(t, waited, 2*time.Second)

		time.Sleep(time.Minute)
		waited, err = e.check(e.leaf(m.CRLURL(8)))
		require.ErrorAs(t, err, new(*revocation.UnknownError))
		assert.ErrorContains(t, err, "fetching "+m.CRLURL(8)+": no answer for 5s")
		assert.Equal(t, 5*time.Second, waited, "of the bubble's time")
	})
}

func TestAnswersThatAreDelayed(t *testing.T) {
	onEstate(t, 1, func(t *testing.T, e *estate, mirrors []*revocationtest.Mirror) {
		a, m := e.authority, mirrors[0]
		a.Delay(3 * time.Second)
		waited, err := e.check(e.leaf(a.CRLURL(7)))
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, waited)
		waited, err = e.check(e.leaf(a.CRLURL(8), m.CRLURL(8)))
		require.NoError(t, err)
		assert.Less(t, waited, 3*time.Second, "the mirror is as quick as ever")

		time.Sleep(time.Minute)
		m.Delay(2 * time.Second)
		begun := time.Now()
		_, err = fetch(a, revocation.Request{URL: m.CRLURL(9)})
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, time.Since(begun))
		a.Delay(0)
		waited, err = e.check(e.leaf(a.CRLURL(10)))
		require.NoError(t, err)
		assert.Zero(t, waited)
	})
}
