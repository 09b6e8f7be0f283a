// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"log/slog"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/record/recordtest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A log that stalls, or panics, neither keeps a revocation from being fetched nor
// certificates from being answered good, and the process lives.
func TestALogThatStallsKeepsNoNewsAway(t *testing.T) {
	t.Parallel()
	const url, down = "http://crl.example/1.crl", "http://mirror.example/1.crl"
	for name, panics := range map[string]bool{"stalls": false, "panics": true} {
		t.Run(name+", CRLs", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				p := newCRLPKI(t)
				log := recordtest.NewStalled(panics)
				start := time.Now()
				net := newNetwork(map[string]answerer{url: func(context.Context, revocation.Request) (*revocation.Response, error) {
					hour := int64(time.Since(start) / time.Hour)
					list := p.ca.crl()
					list.Number, list.ThisUpdate, list.NextUpdate = hour+1, start.Add(time.Duration(hour)*time.Hour), start.Add(time.Duration(hour+24)*time.Hour)
					if hour >= 6 {
						list.Entries = []revocationtest.Entry{{Serial: big.NewInt(leafSerial)}}
					}
					return &revocation.Response{Body: list.DER()}, nil
				}})
				crls := &revocation.CRLs{Fetcher: net, Logger: slog.New(log)}
				stop := running(t, crls.Run)
				path := p.leaf(t, points(at(urls(down, url))))
				good.require(t, crls, path, time.Now())
				time.Sleep(8 * time.Hour)
				revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
				close(log.Until)
				stop()
				time.Sleep(time.Minute) // for what has begun to end
			})
		})
		t.Run(name+", OCSP", func(t *testing.T) {
			t.Parallel()
			p := newOCSPPKI(t)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				log := recordtest.NewStalled(panics)
				start := time.Now()
				s := &revocation.OCSP{Responder: "http://ocsp.example/", Logger: slog.New(log), Fetcher: fetcherFunc(func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
					if time.Since(start) < time.Hour {
						return nil, &revocation.FetchError{URL: r.URL, StatusCode: 503}
					}
					answer := stateAt(p, ocsp.Revoked, time.Now(), time.Hour)
					answer.ProducedAt = time.Now()
					body, err := answering(answer)(r)
					return &revocation.Response{Body: body}, err
				})}
				for time.Since(start) < 50*time.Minute {
					_, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now()})
					require.Error(t, err)
					time.Sleep(time.Minute)
				}
				time.Sleep(time.Until(start.Add(time.Hour)))
				a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now()})
				require.NoError(t, err)
				assert.Equal(t, revocation.Revoked, a.Status)
				close(log.Until)
				time.Sleep(time.Minute) // for what has begun to end
			})
		})
	}
	t.Run("Checker", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			log := recordtest.NewStalled(false)
			c := &revocation.Checker{
				Policy: revocation.Policy{Depth: revocation.EndEntity, Unknown: revocation.Allow, MaxStale: 2 * time.Hour}, Time: clock,
				Sources: []revocation.Source{&says{answer: answered(revocation.Good, -2*time.Hour, -time.Hour), err: revocation.ErrExpired}}, Logger: slog.New(log),
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- c.Check(ctx, newCRLPKI(t).leaf(t), nil) }()
			time.Sleep(5 * time.Second)
			select {
			case err := <-ended:
				assert.NoError(t, err)
			default:
				t.Error("the check waits for the log")
			}
			close(log.Until)
		})
	})
}
