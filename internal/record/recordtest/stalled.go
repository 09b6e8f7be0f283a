// SPDX-License-Identifier: Apache-2.0

// Package recordtest has a log that fails, for the tests of what must not fail with it.
package recordtest

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
)

// Stalls runs a test in a bubble with a log that stalls until it ends, and in another
// one with a log that panics.
func Stalls(t *testing.T, test func(t *testing.T, log *slog.Logger)) {
	for name, panics := range map[string]bool{"stalls": false, "panics": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := NewStalled(panics)
				defer close(log.Until)
				test(t, slog.New(log))
			})
		})
	}
}

// A Stalled is the Handler of a log whose reader has stopped, or that panics. It has no
// attributes and groups of its own.
type Stalled struct {
	slog.Handler
	Until  chan struct{} // is closed when records go on
	Panics bool
}

// NewStalled returns a Handler that stalls or, with panics, panics.
func NewStalled(panics bool) *Stalled {
	return &Stalled{Handler: slog.DiscardHandler, Until: make(chan struct{}), Panics: panics}
}

// Enabled implements [slog.Handler].
func (*Stalled) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h *Stalled) Handle(context.Context, slog.Record) error {
	if h.Panics {
		panic("no log")
	}
	<-h.Until
	return nil
}
