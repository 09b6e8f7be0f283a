// SPDX-License-Identifier: Apache-2.0

package known_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// from offers lists of the CA before any of its certificates is known.
func (p *pki) from(t *testing.T, set *known.Lists, origin known.Place, lists ...revocationtest.CRL) (last known.Change) {
	t.Helper()
	for _, list := range lists {
		list.Issuer, list.Key = p.path[1], p.key
		l, err := crl.Parse(list.DER(), "test")
		require.NoError(t, err)
		last = set.Offer(known.NewList(l, nil, origin, origin), nil, time.Time{})
		require.False(t, last.Verified)
	}
	return last
}

// listing returns a list with so many entries, an hour older for each number.
func listing(number, count int) revocationtest.CRL {
	list := revocationtest.CRL{ThisUpdate: now.Add(-time.Duration(number) * time.Hour), Scope: scopeOf(pointURL, fmt.Sprintf("http://crl.example/%d", number))}
	for n := range count {
		list.Entries = append(list.Entries, entries(int64(1+n), revocation.ReasonKeyCompromise)...)
	}
	return list
}

// numbers returns which of the lists are in the set once the CA is known.
func (p *pki) numbers(set *known.Lists) (numbers []int) {
	for _, l := range set.Try(p.path, time.Time{}) {
		numbers = append(numbers, int(now.Sub(l.ThisUpdate())/time.Hour))
	}
	return numbers
}

func TestListsWithoutSignerAreBoundedInOctets(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	small, large := known.PlaceOf("http://small.example/"), known.PlaceOf("http://large.example/")
	order := [][2]int{{1, 100}, {2, 0}, {3, 100}, {4, 100}} // numbers, and how many entries
	for name, c := range map[string]struct {
		order []int
		most  int
		want  []int // beside the one of the small origin
	}{
		"there is room":                         {[]int{0, 1, 2, 3}, 1 << 20, []int{1, 2, 3, 4}},
		"what lists nothing goes first":         {[]int{0, 1, 2, 3}, 13_400, []int{1, 3, 4}},
		"then the oldest":                       {[]int{0, 1, 2, 3}, 10_500, []int{1, 3}},
		"in whatever order they come":           {[]int{3, 2, 1, 0}, 10_500, []int{1, 3}},
		"one is kept, however large":            {[]int{3, 2, 1, 0}, 1, nil},
		"the one that has come is not favoured": {[]int{0, 1, 2, 3}, 8_000, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set known.Lists
			set.BoundOctets(c.most)
			p.from(t, &set, small, listing(50, 60))
			for _, i := range c.order {
				p.from(t, &set, large, listing(order[i][0], order[i][1]))
			}
			if c.want != nil {
				assert.ElementsMatch(t, append(c.want, 50), p.numbers(&set))
			} else {
				assert.Len(t, p.numbers(&set), 1)
			}
		})
	}
}

func TestListThatFindsNoRoomIsToldOf(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	for name, origin := range map[string]known.Place{"of a URL": known.PlaceOf("http://crl.example/"), "added": known.Added} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set known.Lists
			set.BoundOctets(6_000)
			assert.False(t, p.from(t, &set, origin, listing(1, 100)).Full)
			assert.True(t, p.from(t, &set, origin, listing(2, 100)).Full)
			assert.Equal(t, []int{1}, p.numbers(&set))
			assert.False(t, p.from(t, &set, origin, listing(2, 100)).Full, "there is room again")
		})
	}
}

func TestListsWithoutSignerOfOneOriginAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("puts in more lists than are kept")
	}
	p := newPKI(t)
	var set known.Lists
	origin := known.PlaceOf("http://crl.example/")
	p.from(t, &set, origin, listing(3000, 1)) // the oldest, but it revokes
	for n := range 1005 {
		p.from(t, &set, origin, listing(n, 0))
	}
	require.Equal(t, 1000, set.Unverified())
	numbers := p.numbers(&set)
	assert.Contains(t, numbers, 3000)
	assert.Contains(t, numbers, 998)
	assert.NotContains(t, numbers, 1004, "the oldest that lists nothing")
}

func TestListThatWaitsGoesOnlyForOneThatSupersedesIt(t *testing.T) {
	t.Parallel()
	numbered := func(age, number int, keyID string) revocationtest.CRL {
		return revocationtest.CRL{ThisUpdate: now.Add(-time.Duration(age) * time.Hour), Number: int64(number), Scope: scopeOf(pointURL), AuthorityKeyID: []byte(keyID)}
	}
	p := newPKI(t)
	var set known.Lists
	require.False(t, p.from(t, &set, known.Added, numbered(50, 1, "another key")).Full)
	require.False(t, p.from(t, &set, known.Added, numbered(40, 40, "key")).Full) // a number that none reaches
	for n := range 20 {
		require.False(t, p.from(t, &set, known.Added, numbered(39-n, 1+n, "key")).Full)
	}
	require.Equal(t, 17, set.Unverified())
	numbers := p.numbers(&set)
	assert.Contains(t, numbers, 50)
	assert.Contains(t, numbers, 40)
	assert.NotContains(t, numbers, 39)

	var other known.Lists
	for n := range 16 {
		require.False(t, p.from(t, &other, known.Added, numbered(40-n, 40-n, "key")).Full)
	}
	assert.True(t, p.from(t, &other, known.Added, numbered(1, 1, "key")).Full, "none supersedes another")
	assert.Equal(t, 16, other.Unverified())
}
