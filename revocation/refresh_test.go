// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheEndOfRunFailsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &scripted{answer: func(ctx context.Context, _ Request, n int) (*Response, error) {
			if n == 1 {
				return &Response{Body: []byte("1 10s")}, nil
			}
			select {
			case <-release:
				return &Response{Body: []byte("2 1h")}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		time.Sleep(11 * time.Second) // the refresh hangs, and the document is over
		require.EqualValues(t, 2, f.asked.Load())
		var n *note
		waited := make(chan error, 1)
		go func() { var err error; n, _, err = getNote(t, k); waited <- err }()
		synctest.Wait()
		stop()
		synctest.Wait()
		close(release)
		err = <-waited
		assert.NoError(t, err, "a caller whose own ctx goes on")
		assert.NotNil(t, n)
		_, _, err = getNote(t, k)
		assert.NoError(t, err)
		<-ended
	})
}

func TestRunDoesNotOutliveItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(ctx context.Context, _ Request, n int) (*Response, error) {
			if n == 1 {
				return &Response{Body: []byte("1 1h")}, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		time.Sleep(58 * time.Minute)
		asker, leave := context.WithCancel(t.Context())
		go k.get(asker, "u", noteRequest, time.Now().Add(time.Hour), anyNote) // asks about a later time: a flight of its own
		synctest.Wait()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }() // due, joins the flight
		synctest.Wait()
		leave()
		stop()
		start := time.Now()
		<-ended
		assert.Zero(t, time.Since(start), "Run went on after its context had ended")
	})
}

func TestHangingSourcesDoNotStarveOthers(t *testing.T) {
	const hanging = "http://hanging.example/"
	synctest.Test(t, func(t *testing.T) {
		hang := false
		f := &scripted{answer: func(ctx context.Context, r Request, n int) (*Response, error) {
			if hang && r.URL == hanging {
				select {
				case <-ctx.Done():
				case <-time.After(10 * time.Second):
				}
				return nil, errDown
			}
			return &Response{Body: []byte("1 10m")}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		for i := range 1000 {
			_, _, err := k.get(t.Context(), fmt.Sprint(i), Request{URL: hanging, MaxBytes: 9}, time.Now(), anyNote)
			require.NoError(t, err)
		}
		hang = true
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		cold := 0
		for range 1800 {
			time.Sleep(time.Second)
			_, hand, err := getNote(t, k)
			require.NoError(t, err)
			if !hand {
				cold++
			}
			for i := range 1000 { // still in use
				if e := k.find(fmt.Sprint(i)); e != nil {
					e.used.Store(true)
				}
			}
		}
		assert.Zero(t, cold, "a handshake waited, though its own source is well")
		stop()
		<-ended
	})
}

func TestRetryAfterIsNotCutShort(t *testing.T) {
	now := time.Now()
	for range 100 {
		var f failure
		f.again(now, &FetchError{RetryAfter: 2 * time.Minute})
		require.False(t, f.until.Before(now.Add(2*time.Minute)), "asked again after %s", f.until.Sub(now))
	}
}
