// SPDX-License-Identifier: Apache-2.0

// Package record writes records to a user's log, which may stall.
package record

import (
	"context"
	"log/slog"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// A Writer hands records to a user's Logger. A Handler that hangs, as one does that
// writes to a pipe which is not read, is waited for no longer than Timeout. Once some
// hundred records wait in it those that come then are lost, and so is one whose Handler
// panics: neither holds the program up.
type Writer struct {
	Logger *slog.Logger // nil: records go nowhere
	Late   *bounded.Late
}

// Timeout is for how long a Handler is waited for.
const Timeout = time.Second

// Write writes a record, also if ctx has ended.
func (w Writer) Write(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	if w.Logger == nil {
		return
	}
	defer func() { _ = recover() }()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
	defer cancel()
	_, _ = bounded.Call(limited, w.Late, bounded.Of{Callee: w.Logger}, func() struct{} {
		w.Logger.LogAttrs(ctx, level, text, attrs...)
		return struct{}{}
	})
}
