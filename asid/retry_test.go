// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// answers is a transport that gives one answer after the other: a status, with a
// Retry-After if there is a second word, or an error.
type answers struct {
	list []any
	sent []*http.Request
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.sent = append(a.sent, r)
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	next := a.list[0]
	a.list = a.list[1:]
	switch next := next.(type) {
	case error:
		return nil, next
	case int:
		return &http.Response{StatusCode: next, Body: io.NopCloser(strings.NewReader("x")), Header: http.Header{}, Request: r}, nil
	case [2]any:
		return &http.Response{StatusCode: next[0].(int), Body: http.NoBody, Header: http.Header{"Retry-After": {next[1].(string)}}, Request: r}, nil
	}
	return nil, errors.New("no answer")
}

func TestOnlyWhatMayBeRepeatedIsRepeated(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	alert := &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}
	for name, c := range map[string]struct {
		method   string
		answers  []any
		attempts int
		paused   time.Duration // at most; with Retry-After exactly
	}{
		"an answer":                     {"GET", []any{200}, 1, 0},
		"unavailable twice":             {"GET", []any{503, 503, 200}, 3, 1500 * time.Millisecond},
		"unavailable for ever":          {"GET", []any{503, 502, 504, 503, 200}, 4, 3500 * time.Millisecond},
		"too many requests, in seconds": {"GET", []any{[2]any{429, "2"}, 200}, 2, 2 * time.Second},
		"a date in the past":            {"GET", []any{[2]any{503, "Fri, 27 Nov 1998 00:00:00 GMT"}, 200}, 2, 0},
		"longer than we wait":           {"GET", []any{[2]any{503, "31"}}, 1, 0},
		"a connection that was reset":   {"HEAD", []any{reset, io.EOF, 200}, 3, 1500 * time.Millisecond},
		"an alert":                      {"GET", []any{alert}, 1, 0},
		"another error":                 {"GET", []any{errors.New("the peer was refused")}, 1, 0},
		"a server's own fault":          {"GET", []any{500}, 1, 0},
		"not allowed":                   {"GET", []any{403}, 1, 0},
		"a POST that was answered":      {"POST", []any{503}, 1, 0},
		"a POST that was reset":         {"POST", []any{reset}, 1, 0},
		"a DELETE that was reset":       {"DELETE", []any{reset}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				base := &answers{list: c.answers}
				r, err := http.NewRequest(c.method, "https://nrl.test/x", nil)
				require.NoError(t, err)
				r.Header.Set("Idempotency-Key", "1")
				start := time.Now()
				resp, err := (&asid.Retry{Base: base}).RoundTrip(r)
				assert.Len(t, base.sent, c.attempts)
				took := time.Since(start)
				assert.LessOrEqual(t, took, c.paused)
				assert.GreaterOrEqual(t, took, c.paused/2)
				switch last := c.answers[c.attempts-1].(type) {
				case error:
					assert.Equal(t, last, err)
				case int:
					require.NoError(t, err)
					assert.Equal(t, last, resp.StatusCode)
				}
			})
		})
	}
}

func TestRepetitionsAndPausesAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retry    asid.Retry
		answers  []any
		attempts int
		paused   time.Duration // at most; with Retry-After exactly
	}{
		"once":                      {asid.Retry{Retries: 1}, []any{503, 503}, 2, 500 * time.Millisecond},
		"never":                     {asid.Retry{Retries: -1}, []any{503}, 1, 0},
		"more than are allowed":     {asid.Retry{Retries: 10}, []any{503, 503, 503, 503}, 4, 3500 * time.Millisecond},
		"a pause beyond all limits": {asid.Retry{Backoff: 1 << 62, MaxWait: 600 * time.Millisecond}, []any{503, 503, 503, 200}, 4, 1800 * time.Millisecond},
		"a longest pause":           {asid.Retry{MaxWait: 600 * time.Millisecond}, []any{503, 503, 503, 200}, 4, 1700 * time.Millisecond},
		"asked for as long":         {asid.Retry{MaxWait: 2 * time.Second}, []any{[2]any{503, "2"}, 200}, 2, 2 * time.Second},
		"asked for longer than so":  {asid.Retry{MaxWait: 2 * time.Second}, []any{[2]any{503, "3"}}, 1, 0},
		"asked for a minute, taken": {asid.Retry{MaxWait: time.Hour}, []any{[2]any{429, "60"}, 200}, 2, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				base := &answers{list: c.answers}
				c.retry.Base = base
				start := time.Now()
				_, err := c.retry.RoundTrip(newRequest(t, http.MethodGet, "https://nrl.test/x"))
				require.NoError(t, err)
				assert.Len(t, base.sent, c.attempts)
				took := time.Since(start)
				assert.LessOrEqual(t, took, c.paused)
				assert.GreaterOrEqual(t, took, c.paused/2)
			})
		})
	}
}

func TestAPauseThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	stopped := errors.New("the program stops")
	retry := &asid.Retry{Base: &answers{list: []any{503, 200}}, Sleep: func(context.Context, time.Duration) error { return stopped }}
	resp, err := retry.RoundTrip(newRequest(t, http.MethodGet, "https://nrl.test/x"))
	assert.ErrorIs(t, err, stopped)
	assert.Nil(t, resp)
}

func TestAChangeIsRepeatedOnlyIfNoConnectionWasMade(t *testing.T) {
	t.Parallel()
	dials := 0
	base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials++
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}}
	retry := &asid.Retry{Base: base, Sleep: func(context.Context, time.Duration) error { return nil }}
	r, err := http.NewRequest(http.MethodPost, "http://nrl.test/x", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = retry.RoundTrip(r)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.Equal(t, 4, dials)
	r.GetBody = nil
	dials = 0
	_, err = retry.RoundTrip(r)
	assert.Error(t, err)
	assert.Equal(t, 1, dials, "a body that cannot be had again")
}

func TestNothingIsWaitedForBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base := &answers{list: []any{[2]any{503, "10"}}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", "https://nrl.test/x", nil)
		require.NoError(t, err)
		resp, err := (&asid.Retry{Base: base}).RoundTrip(r)
		require.NoError(t, err)
		assert.Equal(t, 503, resp.StatusCode)

		base = &answers{list: []any{503}}
		cancelled, stop := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, stop)
		_, err = (&asid.Retry{Base: base, Backoff: 10 * time.Second}).RoundTrip(r.WithContext(cancelled))
		assert.ErrorIs(t, err, context.Canceled)
	})
	var config *asid.ConfigError
	_, err := (&asid.Retry{}).RoundTrip(create())
	assert.ErrorAs(t, err, &config)
}

func TestEachAttemptHasATokenATraceAndARecordOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		base := &answers{list: []any{503, 503, 200}}
		transport := &asid.Transport{
			From: consumer.ASID, To: provider.ASID, SSP: mustURL("https://ssp.nhs.uk"), Base: base,
			Claims: asid.Claims{Organization: ods("AMS01"), User: "1"}, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
		}
		resp, err := (&asid.Retry{Base: transport, Backoff: 4 * time.Second}).RoundTrip(newRequest(t, "GET", "https://p1.nhs.uk/a"))
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
		require.Len(t, base.sent, 3)
		seen := make(map[string]bool)
		for _, r := range base.sent {
			seen[r.Header.Get("Ssp-TraceID")] = true
			seen[r.Header.Get("Authorization")] = true
			assert.Equal(t, []string{consumer.ASID.String()}, r.Header.Values("Ssp-From"))
		}
		assert.Len(t, seen, 6)
		decoder := json.NewDecoder(&log)
		for i, status := range []float64{503, 503, 200} {
			var record map[string]any
			require.NoError(t, decoder.Decode(&record), i)
			assert.Equal(t, status, record["status"])
			assert.Equal(t, base.sent[i].Header.Get("Ssp-TraceID"), record["trace"])
		}
		assert.False(t, decoder.More())
	})
}
