// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	maxRetries     = 3 // the SSP's guidance allows no more
	defaultBackoff = 500 * time.Millisecond
	defaultMaxWait = 30 * time.Second
	maxDrain       = 64 << 10
)

// A Retry repeats requests that failed for the time being. Around a [Transport] it
// gives each attempt a token and a trace id of its own, and an audit record. Its
// fields are not to be changed once it is in use; it is safe for concurrent use if
// Base is.
//
// GET and HEAD requests without a body are repeated, at most three times, after
// the answers 429, 502, 503 and 504 and when the connection failed. Others are
// repeated only when the connection could not even be made, which
// [net/http/httptrace] tells, and if they have no body or GetBody; a header such
// as Idempotency-Key changes nothing in that. Refused peers, redirects and
// requests that the Transport itself refuses are not repeated.
type Retry struct {
	Base    http.RoundTripper // such as a *Transport; required
	Retries int               // how often at most; zero and more than 3: 3; negative: never

	// Backoff is the longest pause before the first repetition, and is doubled for
	// each further one; zero: 500 ms. The pause is a random part of it, but at
	// least half, or as long as the answer's Retry-After asks.
	Backoff time.Duration
	// MaxWait is the longest pause; zero: 30 s. An answer that asks for a longer one
	// is returned as it is.
	MaxWait time.Duration
	Time    func() time.Time // for Retry-After dates; nil: time.Now
	// Sleep waits, or returns ctx.Err() when ctx ends; nil: on the clock of the
	// process.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Validate returns a [*ConfigError] if Base is missing.
func (t *Retry) Validate() error {
	if t.Base == nil {
		return &ConfigError{Field: "Retry.Base", Detail: missing}
	}
	return nil
}

// CloseIdleConnections closes those of Base, if it can; [http.Client] calls it.
func (t *Retry) CloseIdleConnections() { closeIdle(t.Base) }

// RoundTrip implements [http.RoundTripper]. The last answer, or the last error, is
// returned as it is.
func (t *Retry) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.Validate(); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		var connections connections
		sent := r.WithContext(connections.trace(r.Context()))
		if attempt > 0 && r.GetBody != nil {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			sent.Body = body
		}
		resp, err := t.Base.RoundTrip(sent)
		if attempt >= t.retries() || !repeatable(r, resp, err, &connections) {
			return resp, err
		}
		pause, ok := t.pause(attempt, resp)
		if !ok || endsBefore(r.Context(), pause) {
			return resp, err
		}
		if resp != nil {
			drain(resp.Body)
		}
		if err := t.sleep(r.Context(), pause); err != nil {
			// Sleep may fail for a reason of its own.
			return nil, cmp.Or(context.Cause(r.Context()), err)
		}
	}
}

func (t *Retry) retries() int {
	if t.Retries == 0 || t.Retries > maxRetries {
		return maxRetries
	}
	return max(t.Retries, 0)
}

// repeatable reports whether the request may be sent again after that outcome.
func repeatable(r *http.Request, resp *http.Response, err error, c *connections) bool {
	bare := r.Body == nil || r.Body == http.NoBody
	if !bare && r.GetBody == nil {
		return false
	}
	reads := bare && (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == "")
	if err == nil {
		return reads && transient(resp.StatusCode)
	}
	return connectionFailed(err) && (reads || c.none())
}

func transient(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// connectionFailed reports whether err is about the connection, and not a decision
// about its peer, about the request or of its context.
func connectionFailed(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		// crypto/tls reports alerts, the peer's decisions, as such errors.
		return op.Op != "remote error" && op.Op != "local error"
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// connections counts what a transport did to get a connection.
type connections struct{ wanted, got atomic.Int32 }

func (c *connections) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Add(1) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Add(1) },
	})
}

// none reports whether a connection was wanted and none was made, so that nothing
// was sent. A transport that traces nothing may have sent everything.
func (c *connections) none() bool { return c.wanted.Load() > 0 && c.got.Load() == 0 }

// pause returns how long to wait before the next attempt; false if the answer asks
// for more than MaxWait.
func (t *Retry) pause(attempt int, resp *http.Response) (time.Duration, bool) {
	longest := t.MaxWait
	if longest <= 0 {
		longest = defaultMaxWait
	}
	if resp != nil {
		if asked, ok := t.retryAfter(resp.Header.Get("Retry-After")); ok {
			return asked, asked <= longest
		}
	}
	backoff := t.Backoff
	if backoff <= 0 {
		backoff = defaultBackoff
	}
	backoff = min(backoff, longest>>attempt) << attempt
	return backoff/2 + rand.N(backoff/2+1), true
}

// retryAfter reads a Retry-After (RFC 9110 section 10.2.3): seconds or a date.
func (t *Retry) retryAfter(value string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	now := time.Now
	if t.Time != nil {
		now = t.Time
	}
	return max(date.Sub(now()), 0), true
}

// endsBefore reports whether ctx ends before the pause does.
func endsBefore(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < pause
}

func (t *Retry) sleep(ctx context.Context, d time.Duration) error {
	if t.Sleep != nil {
		return t.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain reads the rest of a body, so that its connection can be used again.
func drain(body io.ReadCloser) {
	// What cannot be read closes the connection.
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	body.Close()
}
