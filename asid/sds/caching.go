// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"math"
	"time"
)

// Caching bounds what is remembered of a directory's answers, and for how long.
// The zero value is a cache with the defaults. Ages count from when the directory
// was asked, by the wall clock or by the process's own, whichever says more.
type Caching struct {
	// MaxAge is for how long a record that was found is used; zero: 5 minutes.
	MaxAge time.Duration

	// MaxUnknownAge is for how long a key stays unknown once the directory said so;
	// zero: 30 s.
	MaxUnknownAge time.Duration

	// RetryAfter is for how long a key is not asked about again when the directory
	// could not tell; zero: 1 s.
	RetryAfter time.Duration

	// MaxStale is for how long after MaxAge a record is still used while the
	// directory cannot tell; zero: not at all. Each use is logged.
	MaxStale time.Duration

	// MaxEntries bounds the records, the keys whose record became too old, the unknown
	// keys and the failures, each by itself, so that a flood of unknown keys displaces no
	// record; zero: 100,000. The least recently used goes first.
	MaxEntries int

	// MaxQueries bounds the look-ups in flight; zero: 16. Others wait. A quarter of them,
	// one at least, is for keys that the directory had when it last told of them. Where
	// there is only one, such a key is next, after one look-up of another at most.
	MaxQueries int
}

func (c Caching) withDefaults() Caching {
	c.MaxAge = positive(c.MaxAge, 5*time.Minute)
	c.MaxUnknownAge = positive(c.MaxUnknownAge, 30*time.Second)
	c.RetryAfter = positive(c.RetryAfter, time.Second)
	c.MaxStale = min(max(c.MaxStale, 0), math.MaxInt64-c.MaxAge) // their sum is a duration, too
	c.MaxEntries = positive(c.MaxEntries, 100_000)
	c.MaxQueries = positive(c.MaxQueries, 16)
	return c
}

// positive returns v, or otherwise if v is zero or less.
func positive[T ~int | ~int64](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
