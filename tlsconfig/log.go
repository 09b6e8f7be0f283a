// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"log/slog"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// A recorder hands records to a user's Logger. A Handler that hangs, as one does that
// writes to a pipe which is not read, is waited for no longer than recordTimeout. Once some
// hundred records wait in it those that come then are lost, and so is one whose Handler
// panics: neither holds a connection up or changes a verdict.
type recorder struct {
	logger *slog.Logger // nil: records go nowhere
	late   *bounded.Late
}

const recordTimeout = time.Second

func (r recorder) record(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	if r.logger == nil {
		return
	}
	defer func() { _ = recover() }()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	_, _ = bounded.Call(limited, r.late, bounded.Of{Callee: r.logger}, func() struct{} {
		r.logger.LogAttrs(ctx, level, text, attrs...)
		return struct{}{}
	})
}
