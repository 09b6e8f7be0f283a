// SPDX-License-Identifier: Apache-2.0

package known_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

const (
	leafSerial = 0x4711
	pointURL   = "http://crl.example/point" // of the leaf
)

// A pki is a CA and the path of a leaf of its.
type pki struct {
	key  *ecdsa.PrivateKey
	path []*x509.Certificate
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	key, ca := testca.ECDSA(), testca.CA("CA", 1)
	ca.NotBefore, ca.NotAfter = now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf"}, SerialNumber: big.NewInt(leafSerial), CRLDistributionPoints: []string{pointURL},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	p := &pki{key: key}
	for _, template := range []*x509.Certificate{leaf, ca} {
		p.path = append(p.path, testca.Sign(template, ca, key.Public(), key))
	}
	return p
}

// offer puts a list of the CA into a set.
func (p *pki) offer(t *testing.T, set *known.Lists, list revocationtest.CRL, horizon time.Time) {
	t.Helper()
	list.Issuer, list.Key = p.path[1], p.key
	l, err := crl.Parse(list.DER(), "test")
	require.NoError(t, err)
	require.True(t, set.Offer(known.NewList(l, nil, known.Added, known.Added), p.path, horizon).Verified)
}

// status decides about the leaf.
func (p *pki) status(t *testing.T, set *known.Lists, at time.Time) known.Status {
	t.Helper()
	d, err := set.Decide(p.path, nil, at, time.Time{})
	require.NoError(t, err)
	return d.Status
}

// underPoint returns the lists whose scope names pointURL.
func (p *pki) underPoint(t *testing.T, set *known.Lists) (lists []*known.List) {
	t.Helper()
	subject, err := crl.NewSubject(p.path[0])
	require.NoError(t, err)
	for _, key := range known.KeysOf(subject) {
		lists = append(lists, set.Under(key)...)
	}
	return lists
}

func scopeOf(urls ...string) *revocationtest.Scope {
	return &revocationtest.Scope{PointName: revocationtest.PointName{URLs: urls}}
}

func entries(serial int64, reason revocation.Reason) []revocationtest.Entry {
	return []revocationtest.Entry{{Serial: big.NewInt(serial), Reason: reason, Date: now.AddDate(0, 0, -1)}}
}

func TestSeriesThatListNothingGoFirst(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("puts in more lists than are kept")
	}
	p := newPKI(t)
	var set known.Lists
	const revoking, empty = 500, 510 // ten more than there is room for
	for n := range revoking + empty {
		list := revocationtest.CRL{ThisUpdate: now.Add(-time.Hour), Scope: scopeOf(pointURL, fmt.Sprintf("http://crl.example/%d", n))}
		if n < revoking {
			list.Entries = entries(int64(n+1), revocation.ReasonKeyCompromise)
		}
		p.offer(t, &set, list, time.Time{})
	}
	left := map[bool]int{}
	for _, l := range p.underPoint(t, &set) {
		left[l.Len() > 0]++
	}
	assert.Equal(t, map[bool]int{true: revoking, false: empty - 10}, left)
}

func TestListIsForgottenADayAfterItsSuccessorHasBegun(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	var set known.Lists
	list := revocationtest.CRL{Number: 1, ThisUpdate: now.Add(-time.Hour), Scope: scopeOf(pointURL)}
	p.offer(t, &set, list, now)
	list.Number, list.ThisUpdate = 2, now
	p.offer(t, &set, list, now)
	require.Len(t, p.underPoint(t, &set), 2)
	list.Number, list.ThisUpdate = 3, now.Add(time.Hour)
	p.offer(t, &set, list, now.Add(24*time.Hour-time.Second))
	require.Len(t, p.underPoint(t, &set), 3)
	list.Number, list.ThisUpdate = 4, now.Add(2*time.Hour)
	p.offer(t, &set, list, now.Add(24*time.Hour))
	require.Len(t, p.underPoint(t, &set), 3, "the first is superseded by one that began a day ago")
}

func TestHoldIsReleasedOnlyByAListForAllItsReasons(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	some := scopeOf(pointURL)
	some.OnlySomeReasons = []revocation.Reason{revocation.ReasonKeyCompromise}
	var set known.Lists
	p.offer(t, &set, revocationtest.CRL{
		ThisUpdate: now.Add(-2 * time.Hour), NextUpdate: now.Add(-time.Hour), Scope: scopeOf(pointURL, "http://crl.example/old"),
		Entries: entries(leafSerial, revocation.ReasonCertificateHold),
	}, time.Time{})
	assert.Equal(t, known.StatusRevoked, p.status(t, &set, now))
	p.offer(t, &set, revocationtest.CRL{ThisUpdate: now.Add(-time.Hour), Scope: some}, time.Time{})
	assert.Equal(t, known.StatusRevoked, p.status(t, &set, now), "the later list is for another reason")
	p.offer(t, &set, revocationtest.CRL{ThisUpdate: now.Add(-time.Hour), Scope: scopeOf(pointURL)}, time.Time{})
	assert.Equal(t, known.StatusGood, p.status(t, &set, now))
}
