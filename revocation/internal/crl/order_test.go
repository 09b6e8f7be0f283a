// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func number(n int64) *big.Int {
	if n < 0 {
		return nil
	}
	return big.NewInt(n)
}

func TestSupersedes(t *testing.T) {
	t.Parallel()
	list := func(n int64, hour int) *List {
		return &List{number: number(n), thisUpdate: day.Add(time.Duration(hour) * time.Hour)}
	}
	for _, test := range []struct {
		name string
		a, b *List
		want bool
	}{
		{"later and higher", list(11, 2), list(10, 1), true},
		{"later with the same number", list(10, 2), list(10, 1), true},
		{"at the same time with a higher number", list(11, 1), list(10, 1), true},
		{"equal in both", list(10, 1), list(10, 1), false},
		{"later with a lower number, as after a restored backup", list(9, 2), list(10, 1), false},
		{"higher with an earlier time, as from a clock that was fast", list(11, 1), list(10, 2), false},
		{"a number where there was none", list(1, 1), list(-1, 1), true},
		{"no number where there was one", list(-1, 2), list(1, 1), false},
		{"later, neither with a number", list(-1, 2), list(-1, 1), true},
	} {
		assert.Equal(t, test.want, test.a.Supersedes(test.b), test.name)
		if test.want {
			assert.False(t, test.b.Supersedes(test.a), test.name)
		}
	}
}

func TestCombines(t *testing.T) {
	t.Parallel()
	complete := func(n int64) *List { return &List{number: number(n), thisUpdate: day, authority: "key"} }
	delta := func(n, base int64, hour int, authority string) *List {
		return &List{delta: true, number: number(n), base: number(base), thisUpdate: day.Add(time.Duration(hour) * time.Hour), authority: authority}
	}
	for _, test := range []struct {
		name string
		c, d *List
		want bool
	}{
		{"the base is the complete list", complete(10), delta(11, 10, 1, "key"), true},
		{"the base is before the complete list", complete(10), delta(11, 8, 1, "key"), true},
		{"at the same time", complete(10), delta(11, 10, 0, "key"), true},
		{"the base is after the complete list", complete(10), delta(13, 12, 1, "key"), false},
		{"the delta is no newer than the complete list", complete(11), delta(11, 10, 1, "key"), false},
		{"the delta is earlier", complete(10), delta(11, 10, -1, "key"), false},
		{"of another key", complete(10), delta(11, 10, 1, "other"), false},
		{"a complete list without a number", complete(-1), delta(11, 10, 1, "key"), false},
		{"a complete list in place of the delta", complete(10), complete(11), false},
		{"a delta in place of the complete list", delta(10, 9, 0, "key"), delta(11, 10, 1, "key"), false},
	} {
		assert.Equal(t, test.want, test.c.Combines(test.d), test.name)
	}
}
