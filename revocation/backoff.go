// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"errors"
	"math/rand/v2"
	"time"
)

// After a failure nothing is asked for a while, twice as long each time.
const (
	minBackoff = time.Second
	maxBackoff = 5 * time.Minute
)

// A failure is what went wrong last, and for how long nobody tries again.
type failure struct {
	err   error
	until time.Time
	times int
}

// remembered returns the error while it is too early to try again.
func (f *failure) remembered(now time.Time) error {
	if f.err != nil && now.Before(f.until) {
		return f.err
	}
	return nil
}

// again notes a failure. What Retry-After asks for is granted within the bounds.
func (f *failure) again(now time.Time, err error) {
	wait := minBackoff << min(f.times, 16)
	if fetch, ok := errors.AsType[*FetchError](err); ok && fetch.RetryAfter > wait {
		wait = fetch.RetryAfter
	}
	wait = min(wait, maxBackoff)
	// Up to a quarter more, so that a fleet does not come back at once; never less
	// than the server asked for.
	wait += time.Duration(rand.Float64() / 4 * float64(wait))
	f.err, f.until = err, now.Add(wait)
	f.times++
}
