// SPDX-License-Identifier: Apache-2.0

package known_test

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// randomOrder makes orders of few series, times and numbers, so that many are
// comparable.
func randomOrder(r *rand.Rand) known.Order {
	number := func() *big.Int {
		if r.IntN(4) == 0 {
			return nil
		}
		return big.NewInt(r.Int64N(4))
	}
	o := known.Order{
		Kind:       known.Complete + known.Kind(r.IntN(7)),
		Series:     [32]byte{byte(r.IntN(2))},
		Place:      [32]byte{byte(r.IntN(2))},
		ThisUpdate: now.Add(time.Duration(r.IntN(5)-3) * 12 * time.Hour),
	}
	o.Begins = o.ThisUpdate
	switch o.Kind {
	case known.Complete:
		o.Number = number()
	case known.Delta:
		o.Number, o.Base = big.NewInt(r.Int64N(4)), big.NewInt(r.Int64N(4))
	default:
		o.Begins = o.ThisUpdate.Add(time.Duration(r.IntN(3)) * 24 * time.Hour)
	}
	return o
}

func randomMembers(r *rand.Rand) (members []known.Member) {
	for range r.IntN(6) {
		o := randomOrder(r)
		members = append(members, known.Member{Order: o.String(), Digest: [32]byte{byte(r.IntN(3))}, Bytes: []byte{byte(r.IntN(2))}})
	}
	return members
}

func TestJoinIsTheLeastUpperBound(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("joins thousands of random documents")
	}
	r := rand.New(rand.NewPCG(1, 2))
	join := func(a, b []known.Member) []known.Member { return known.Join(now, a, b) }
	for range 20_000 {
		a, b, c := randomMembers(r), randomMembers(r), randomMembers(r)
		require.Equal(t, join(a, b), join(b, a), "commutative")
		require.Equal(t, join(join(a, b), c), join(a, join(b, c)), "associative")
		require.Equal(t, join(a, a), join(join(a, a), a), "idempotent")
	}
}

func TestSupersedesIsTransitiveAndNeverMutual(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	triples := 200_000
	if testing.Short() {
		triples = 10_000
	}
	for range triples {
		a, b, c := randomOrder(r), randomOrder(r), randomOrder(r)
		require.False(t, a.Supersedes(&b) && b.Supersedes(&a), "%+v %+v", a, b)
		if a.Supersedes(&b) && b.Supersedes(&c) {
			require.True(t, a.Supersedes(&c), "%+v %+v %+v", a, b, c)
		}
	}
}

func TestOrderIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		o := randomOrder(r)
		read, ok := known.ParseOrder(o.String())
		require.True(t, ok)
		require.Equal(t, o.String(), read.String())
	}
	for _, bad := range []string{"", "x", string(make([]byte, 124))} {
		_, ok := known.ParseOrder(bad)
		require.False(t, ok)
	}
}

func TestJoinDropsOnlyWhatSomethingOfADayAgoSupersedes(t *testing.T) {
	t.Parallel()
	at := func(age time.Duration, number int64) known.Member {
		return known.Member{Order: (&known.Order{Kind: known.Complete, ThisUpdate: now.Add(-age), Begins: now.Add(-age), Number: big.NewInt(number)}).String()}
	}
	old, recent, dayOld := at(48*time.Hour, 1), at(24*time.Hour-time.Second, 2), at(24*time.Hour, 2)
	require.Len(t, known.Join(now, []known.Member{old}, []known.Member{recent}), 2)
	require.Equal(t, []known.Member{dayOld}, known.Join(now, []known.Member{old}, []known.Member{dayOld}))
	lower := at(24*time.Hour, 0)
	require.Len(t, known.Join(now, []known.Member{old}, []known.Member{lower}), 2, "time alone is not the order")
	foreign := known.Member{Order: "of another version"}
	require.True(t, slices.ContainsFunc(known.Join(now, []known.Member{foreign}, []known.Member{dayOld}), func(m known.Member) bool { return m.Order == foreign.Order }))
}
