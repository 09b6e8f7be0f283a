// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A stubborn source answers good after six seconds, whatever its context says.
type stubborn struct{}

func (stubborn) Status(context.Context, revocation.Query) (revocation.Answer, error) {
	time.Sleep(6 * time.Second) // the bubble's time
	return answered(revocation.Good, -time.Hour, time.Hour), nil
}

func TestASourceThatIgnoresItsContextIsNotWaitedFor(t *testing.T) {
	p := newOCSPPKI(t)
	good := &says{answer: answered(revocation.Good, -time.Hour, time.Hour)}
	for name, sources := range map[string][]revocation.Source{
		"alone":          {stubborn{}},
		"before another": {stubborn{}, good},
		"after another":  {good, stubborn{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &revocation.Checker{Sources: sources, Policy: revocation.Policy{Depth: revocation.EndEntity, Agreement: revocation.EverySource}, Time: clock}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				err := c.Check(ctx, p.path(), nil)
				var unknown *revocation.UnknownError
				require.ErrorAs(t, err, &unknown)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, time.Second+bounded.Grace, time.Since(began))
				time.Sleep(time.Minute) // the call that was left ends
			})
		})
	}
}

// Once so many calls of a source that never returns go on that it is not called any
// more, the sources beside it still are.
func TestASourceThatNeverReturnsLeavesRoomForOthers(t *testing.T) {
	p := newOCSPPKI(t)
	synctest.Test(t, func(t *testing.T) {
		hangs := &never{until: make(chan struct{})}
		c := &revocation.Checker{Sources: []revocation.Source{hangs, &says{answer: answered(revocation.Good, -time.Hour, time.Hour)}},
			Policy: revocation.Policy{Depth: revocation.EndEntity}, Time: clock}
		check := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return c.Check(ctx, p.path(), nil)
		}
		for range bounded.MaxLate + 1 {
			require.NoError(t, check())
		}
		require.Less(t, hangs.called.Load(), int64(bounded.MaxLate))
		close(hangs.until)
	})
}

// never is a source that returns once it is told to.
type never struct {
	called atomic.Int64
	until  chan struct{}
}

func (n *never) Status(context.Context, revocation.Query) (revocation.Answer, error) {
	n.called.Add(1)
	<-n.until
	return revocation.Answer{}, errors.New("it was told to return")
}

// TestCheckerContext: a context that ends while a source is waiting.
func TestCheckerContext(t *testing.T) {
	p := newOCSPPKI(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := &revocation.Checker{Time: clock, Sources: []revocation.Source{
		statusFunc(func(context.Context, revocation.Query) (revocation.Answer, error) {
			cancel()
			return revocation.Answer{}, errors.New("it hung up")
		}),
	}}
	err := c.Check(ctx, p.path(), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "it hung up")
	require.ErrorAs(t, err, new(*revocation.UnknownError))

	t.Run("with what was known before it hung", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := &revocation.Checker{Time: clock, Policy: revocation.Policy{Unknown: revocation.Allow, MaxStale: time.Hour}, Sources: []revocation.Source{
			statusFunc(func(context.Context, revocation.Query) (revocation.Answer, error) {
				cancel()
				return answered(revocation.Good, -time.Hour, -time.Minute), errors.Join(ctx.Err(), revocation.ErrExpired)
			}),
		}}
		require.NoError(t, c.Check(ctx, p.path(), nil))
	})
}

// TestRevocationThatComesDuringACheck: a source has answered good, or is about to,
// when another comes to know that a certificate is revoked.
func TestRevocationThatComesDuringACheck(t *testing.T) {
	p := newCRLPKI(t)
	path := p.leaf(t)
	for name, lists := range map[string][]byte{
		"of the leaf": p.ca.crl(leafSerial).DER(),
		"of the CA":   p.root.crl(p.ca.cert.SerialNumber.Int64()).DER(), // which was good when it was asked about
	} {
		t.Run(name, func(t *testing.T) {
			crls := &revocation.CRLs{Time: clock}
			var recorded []revocation.Decision
			c := &revocation.Checker{Time: clock, Sources: []revocation.Source{
				statusFunc(func(_ context.Context, q revocation.Query) (revocation.Answer, error) {
					if q.Path[0] == path[0] {
						require.NoError(t, crls.Add(lists))
					}
					return answered(revocation.Good, -time.Hour, time.Hour), nil
				}), crls,
			}, Record: func(_ context.Context, d revocation.Decision) { recorded = append(recorded, d) }}
			var revoked *revocation.RevokedError
			require.ErrorAs(t, c.Check(t.Context(), path, nil), &revoked)
			require.Same(t, revoked, recorded[len(recorded)-1].Err)
		})
	}
}
