// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"context"
	"errors"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

const (
	// rereadFile is how often the file is looked at, which others may have changed,
	// and how often a file that cannot be written is tried again.
	rereadFile = time.Minute

	// settle is for how long nothing may change before the file is written, and
	// settleAtMost how long it waits for that: lists come together.
	settle       = time.Second
	settleAtMost = 5 * time.Second
)

// Run keeps the file current until ctx ends, and returns ctx.Err(), or what Validate
// returns.
func (k *Keeper) Run(ctx context.Context) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	k.began = k.now()
	for ctx.Err() == nil {
		changed := k.CRLs.Changed()
		pins := k.pinned()
		known, all := k.gather(pins)
		k.ready = k.ready || all
		k.step(ctx, pins, known)
		k.wait(ctx, changed)
	}
	return ctx.Err()
}

// Once writes the file as soon as every distribution point has been asked, and
// returns nil if it is complete and current and the program has been told. CRLs.Run
// must be going. It waits for a Run or Once that is under way, and ends with ctx.
func (k *Keeper) Once(ctx context.Context) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	k.began, k.pending.wait = time.Time{}, 0
	var pins *tlsconfig.Pins
	var known []revocation.List
	for {
		pins = k.pinned()
		known, k.ready = k.gather(pins)
		if ctx.Err() != nil {
			k.ready = false // an attempt that ended with ctx says nothing of its point
			break
		}
		if k.ready {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	k.step(ctx, pins, known)
	state := k.State()
	if state.Complete && k.ready {
		return nil
	}
	var errs []error
	for _, p := range state.Problems {
		errs = append(errs, p)
	}
	return errors.Join(append(errs, ctx.Err())...) // which has ended if not every point was asked
}

// begin returns what Validate does, and waits until no other Run or Once is under way.
func (k *Keeper) begin(ctx context.Context) error {
	if err := k.Validate(); err != nil {
		return err
	}
	k.setUp.Do(func() { k.turn = make(chan struct{}, 1) })
	select {
	case k.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keeper) end() {
	k.release()
	<-k.turn
}

// wait waits until the file may have to change, for a minute at most.
func (k *Keeper) wait(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(min(rereadFile, k.untilNext()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
		return
	case <-changed:
	}
	most := time.NewTimer(settleAtMost)
	defer most.Stop()
	for {
		quiet := time.NewTimer(settle)
		select {
		case <-ctx.Done():
		case <-most.C:
		case <-quiet.C:
		case <-k.CRLs.Changed():
			quiet.Stop()
			continue
		}
		quiet.Stop()
		return
	}
}

// untilNext is how long it is until the state comes out otherwise of itself, or the
// program is to be told again.
func (k *Keeper) untilNext() time.Duration {
	next := k.State().next
	if at := k.pending.at; k.pending.due && !k.unwritten && (next.IsZero() || at.Before(next)) {
		next = at
	}
	if next.IsZero() {
		return rereadFile
	}
	return max(next.Sub(k.now()), 10*time.Millisecond)
}
