// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/audit"
)

// maxIntents bounds the intent records that are being written at once: a handler
// that never returns must not hold more and more goroutines.
const maxIntents = 256

// intents has a place for each.
var intents = make(chan struct{}, maxIntents)

var errIntents = errors.New("too many records are being written")

// intend writes the intent record of a request that is about to be carried out, if
// the policy wants one. The error is a *RegistryError, which is answered with 503.
func (t *trail) intend(r *http.Request, in *incoming) error {
	if t == nil || t.policy == nil || !t.policy.Intent || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	timeout := t.policy.IntentTimeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	err := inTime(ctx, t.record(r, in), t.logger.Handler(), t.now())
	if err == nil {
		return nil
	}
	t.policy.failures.Add(1)
	return &RegistryError{ASID: in.from, Detail: "the audit's intent record was not written", Err: err}
}

// inTime writes the record, and waits for the handler until ctx ends.
func inTime(ctx context.Context, record *audit.Record, handler slog.Handler, now time.Time) error {
	select {
	case intents <- struct{}{}:
	default:
		return errIntents
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-intents }()
		done <- record.Write(ctx, handler, now, slog.LevelInfo, "request begins")
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
