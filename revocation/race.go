// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"fmt"
	"time"
)

// headStart is how long one of several sources is waited for before the next is
// asked beside it.
const headStart = time.Second

// A race is the asking of several sources side by side, for those of which none
// knows an answer without fetching.
type race struct {
	said   chan Statement // by sources that were begun
	under  int            // of them, those that have not been heard
	cancel context.CancelFunc
	ctx    context.Context
}

// begin asks a source, of so many.
func (r *race) begin(ctx context.Context, most int, source Source, ask func(context.Context) (Answer, error)) {
	if r.said == nil {
		r.said = make(chan Statement, most)
		r.ctx, r.cancel = context.WithCancel(ctx)
	}
	r.under++
	go func(ctx context.Context, said chan<- Statement) {
		s := Statement{Source: source}
		defer func() {
			if p := recover(); p != nil { // there is no caller who could
				s.Answer, s.Err = Answer{}, fmt.Errorf("the source panicked: %v", p)
			}
			said <- s
		}()
		s.Answer, s.Err = ask(ctx)
	}(r.ctx, r.said)
}

// wait returns what the next source says; zero: however long that takes, which is no
// longer than their context.
func (r *race) wait(most time.Duration) (s Statement, ok bool) {
	var over <-chan time.Time
	if most > 0 {
		over = time.After(most)
	}
	select {
	case s = <-r.said:
		r.under--
		return s, true
	case <-over:
		return s, false
	}
}

// end ends the waiting of those that are under way; what they have begun to fetch
// comes all the same.
func (r *race) end() {
	if r.cancel != nil {
		r.cancel()
	}
}
