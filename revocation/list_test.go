// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// listsOf returns a CRLs that keeps the octets of what is added to it.
func listsOf(t *testing.T, crls ...revocationtest.CRL) *revocation.CRLs {
	t.Helper()
	s := &revocation.CRLs{KeepDER: true, Time: clock}
	for _, crl := range crls {
		require.NoError(t, s.Add(crl.DER()))
	}
	return s
}

func TestListsAreThoseOfTheCAsAskedAbout(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	own, older, forged := numbered(p.ca.crl(7), 2), numbered(between(p.ca.crl(), -2*time.Hour, time.Hour), 1), forgedBy(p, numbered(p.ca.crl(), 3))
	delta := with(numbered(p.ca.crl(9), 3), func(c *revocationtest.CRL) { c.BaseNumber = 2 })
	crls := listsOf(t, own, older, forged, delta, p.other.crl())
	lists := crls.Lists(p.ca.cert, nil)
	require.Len(t, lists, 3)
	for _, l := range lists {
		assert.Same(t, p.ca.cert, l.Signer)
		assert.Equal(t, l.Delta, l.Decides && l.Number.Int64() == 3)
		assert.Equal(t, l.Number.Int64() == 1, l.Superseded)
		parsed, err := x509.ParseRevocationList(l.DER)
		require.NoError(t, err)
		assert.Equal(t, l.Number, parsed.Number)
	}
	assert.Empty(t, crls.Lists())
	assert.Empty(t, crls.Lists(p.root.cert), "it signed none")
	namesake := ocspIssue(t, crlCA("Sub CA", 2), testca.EC("other"), p.root)
	assert.Len(t, crls.Lists(namesake.cert), 1, "the list with its signature is its own")
}

func TestListsKeepNoOctetsUnasked(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	lists := crlsOf(t, p.ca.crl()).Lists(p.ca.cert)
	require.Len(t, lists, 1)
	assert.Nil(t, lists[0].DER)
}

func TestAListTellsWhatItIsAbout(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	const url = "http://crl.nhs.uk/crlc7.crl"
	batch := with(p.ca.crl(1, 2, 3), func(c *revocationtest.CRL) {
		c.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{url}}, OnlyUserCerts: true}
	})
	whole := numbered(p.ca.crl(2, 5), 4)
	lists := listsOf(t, batch, whole).Lists(p.ca.cert)
	require.Len(t, lists, 2)
	named, unnamed := &lists[0], &lists[1]
	if !named.Named {
		named, unnamed = unnamed, named
	}
	assert.Equal(t, []string{url}, named.Points)
	assert.True(t, named.OnlyUsers)
	assert.True(t, named.Of("HTTP://crl.nhs.uk:80/crlc7.crl"))
	assert.False(t, named.Of("http://crl.nhs.uk/crlc8.crl"))
	assert.False(t, unnamed.Of(url), "it was added")
	assert.False(t, named.SameScope(unnamed))
	assert.True(t, named.Overlaps(unnamed))
	for name, c := range map[string]struct {
		scope revocationtest.Scope
		want  bool
	}{
		"the same point":      {revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{"HTTP://crl.nhs.uk/crlc7.crl"}}}, true},
		"another point":       {revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{"http://crl.nhs.uk/crlc8.crl"}}}, false},
		"certificates of CAs": {revocationtest.Scope{OnlyCACerts: true}, false},
		"leaves":              {revocationtest.Scope{OnlyUserCerts: true}, true},
	} {
		other := listsOf(t, with(p.ca.crl(), func(l *revocationtest.CRL) { l.Scope = &c.scope })).Lists(p.ca.cert)
		assert.Equal(t, c.want, named.Overlaps(&other[0]), name)
		assert.Equal(t, c.want, other[0].Overlaps(named), name)
	}
	assert.True(t, named.SameScope(named))

	point := revocationtest.CRLDistributionPoints(revocationtest.DistributionPoint{PointName: revocationtest.PointName{URLs: []string{url}}})
	require.NoError(t, named.Covers(p.leaf(t, point)[0]))
	require.ErrorIs(t, named.Covers(p.leaf(t)[0]), revocation.ErrScope)
	require.ErrorIs(t, named.Covers(p.ca.cert), revocation.ErrScope)
	require.NoError(t, unnamed.Covers(p.leaf(t)[0]))

	assert.Equal(t, []*big.Int{big.NewInt(1), big.NewInt(3)}, named.Beyond(10, unnamed))
	assert.Equal(t, []*big.Int{big.NewInt(5)}, unnamed.Beyond(10, named))
	assert.Len(t, named.Beyond(1, unnamed), 1)
}

func TestBeyondReadsWhateverSerialsThereAre(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	long := new(big.Int).Lsh(big.NewInt(0x77), 150)
	all := with(p.ca.crl(), func(c *revocationtest.CRL) {
		for _, n := range []*big.Int{big.NewInt(-200), big.NewInt(1), big.NewInt(128), big.NewInt(1 << 40), long} {
			c.Entries = append(c.Entries, revocationtest.Entry{Serial: n})
		}
	})
	lists := listsOf(t, all, numbered(between(p.ca.crl(1<<40), -2*time.Hour, time.Hour), 9)).Lists(p.ca.cert)
	require.Len(t, lists, 2)
	serials := lists[0].Beyond(100, &lists[1])
	if lists[0].Entries == 1 {
		serials = lists[1].Beyond(100, &lists[0])
	}
	assert.Equal(t, []string{"-200", "1", "128", long.String()}, []string{serials[0].String(), serials[1].String(), serials[2].String(), serials[3].String()})
	assert.Len(t, serials, 4)
}

func TestChangedTellsOfWhatIsNew(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	crls := listsOf(t, p.ca.crl())
	require.Len(t, crls.Lists(p.ca.cert), 1)
	changed := crls.Changed()
	require.NoError(t, crls.Add(p.ca.crl().DER()))
	crls.Lists(p.ca.cert)
	require.NoError(t, crls.Add(numbered(p.ca.crl(1), 2).DER()))
	<-changed // of a list whose signer is not known yet, too
	assert.Len(t, crls.Lists(p.ca.cert), 2)
	select {
	case <-crls.Changed():
		t.Error("nothing has changed")
	default:
	}
}

// Two callers with CAs of their own: what comes between their calls counts for both.
func TestListsRememberTheCAsOfEveryCaller(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	namesake := ocspIssue(t, crlCA("Sub CA", 2), testca.EC("other"), p.root)
	for name, c := range map[string]struct {
		ours   revocationtest.CRL
		others *x509.Certificate
	}{
		"another CA":                 {p.ca.crl(), p.other.cert},
		"another key of its name":    {p.ca.crl(), namesake.cert},
		"the earlier key of the two": {namesake.crl(), p.ca.cert},
	} {
		ours := p.ca.cert
		if c.others == ours {
			ours = namesake.cert
		}
		t.Run(name+", fetched", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				server := &crlServer{}
				server.publish(url, c.ours)
				crls := &revocation.CRLs{Fetcher: server, URLs: []string{url}}
				crls.Lists(ours)
				crls.Lists(c.others)
				verifiesOne(t, crls)
			})
		})
		t.Run(name+", from the Cache", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				cache := &memoryCache{}
				first := &revocation.CRLs{Cache: cache, Issuers: []*x509.Certificate{ours}}
				crls := &revocation.CRLs{Cache: cache}
				crls.Lists(ours)
				crls.Lists(c.others)
				require.NoError(t, first.Add(c.ours.DER()))
				first.Settle()
				verifiesOne(t, crls)
			})
		})
	}
}

// verifiesOne requires that crls, once it runs, has one list and has verified it.
func verifiesOne(t *testing.T, crls *revocation.CRLs) {
	t.Helper()
	stop := running(t, crls.Run)
	time.Sleep(time.Second)
	synctest.Wait()
	stop()
	state := crls.State()
	assert.Len(t, state.Lists, 1)
	assert.Zero(t, state.Unverified)
}
