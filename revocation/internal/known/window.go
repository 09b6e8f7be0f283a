// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/x509"
	"time"
)

// ClockTolerance is how far the clock of a CA or responder may be ahead.
const ClockTolerance = 5 * time.Minute

// A Window is the times at which a decision comes out as it did: every
// comparison of the time asked for narrows it.
type Window struct {
	from, until time.Time // inclusive; zero: unbounded
}

// Holds reports whether at lies in the window.
func (w *Window) Holds(at time.Time) bool {
	return (w.from.IsZero() || !at.Before(w.from)) && (w.until.IsZero() || !at.After(w.until))
}

// before reports whether at is before t.
func (w *Window) before(at, t time.Time) bool {
	if at.Before(t) {
		w.narrow(time.Time{}, t.Add(-1))
		return true
	}
	w.narrow(t, time.Time{})
	return false
}

// after reports whether at is after t.
func (w *Window) after(at, t time.Time) bool {
	if at.After(t) {
		w.narrow(t.Add(1), time.Time{})
		return true
	}
	w.narrow(time.Time{}, t)
	return false
}

func (w *Window) narrow(from, until time.Time) {
	if !from.IsZero() && (w.from.IsZero() || from.After(w.from)) {
		w.from = from
	}
	if !until.IsZero() && (w.until.IsZero() || until.Before(w.until)) {
		w.until = until
	}
}

// valid narrows the window to times at which the same of the certificates are
// valid.
func (w *Window) valid(at time.Time, certs []*x509.Certificate) {
	for _, cert := range certs {
		w.before(at, cert.NotBefore)
		w.after(at, cert.NotAfter)
	}
}
