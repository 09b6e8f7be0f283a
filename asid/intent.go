// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/audit"
)

// maxIntents bounds the intent records of one Audit that are being written at once: a
// handler that never returns must not hold more and more goroutines.
const maxIntents = 256

var (
	errIntents  = errors.New("too many records are being written")
	errDisabled = errors.New("the log takes no records of its level")
)

// validIntent returns the error of a policy that wants records with no log to
// write them to; owner is the type that has both.
func validIntent(policy *Audit, logger *slog.Logger, owner string) error {
	if policy != nil && policy.Intent && logger == nil {
		return &ConfigError{Field: owner + ".Logger", Detail: missing + ", and Audit.Intent needs it"}
	}
	return nil
}

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
	err := t.policy.writeIntent(ctx, t.record(r, in), t.logger.Handler(), t.now())
	if err == nil {
		return nil
	}
	t.policy.failures.Add(1)
	return &RegistryError{ASID: in.from, Detail: "the audit's intent record was not written", Err: err}
}

// writeIntent writes the record, and waits for the handler until ctx ends.
func (a *Audit) writeIntent(ctx context.Context, record *audit.Record, handler slog.Handler, now time.Time) error {
	if !handler.Enabled(ctx, slog.LevelInfo) {
		return errDisabled
	}
	if a.intents.Add(1) > maxIntents {
		a.intents.Add(-1)
		return errIntents
	}
	done := make(chan error, 1)
	go func() {
		defer a.intents.Add(-1)
		// Outside the goroutine of the request a panic would end the process.
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("the log panicked: %v", r)
			}
		}()
		done <- record.Write(ctx, handler, now, slog.LevelInfo, "request begins")
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
