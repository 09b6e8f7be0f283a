// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// logDecision writes the one record of a request that was judged; err is nil if it
// may pass. The query is left out, for it names patients, and so is the citizen of
// the token.
func logDecision(logger *slog.Logger, r *http.Request, d *incoming, err error) {
	if logger == nil {
		return
	}
	level, message := slog.LevelInfo, "request authorised"
	if err != nil {
		level, message = slog.LevelWarn, "request refused"
		if row, _ := classify(err); row == outcome.InternalError || row == outcome.Unavailable {
			level = slog.LevelError
		}
	}
	if !logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", cut(r.Method)),
		slog.String("path", cut(r.URL.EscapedPath())),
		slog.String("remote", r.RemoteAddr),
	}
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, cut(value)))
		}
	}
	add("fqdn", d.names.String())
	add("bound", string(d.bound))
	add("from", d.from.String())
	add("to", d.to.String())
	add("interaction", string(d.observed))
	if d.interaction != d.observed {
		add("claimed", string(d.interaction))
	}
	add("trace", d.trace)
	// A token that nobody checked may name the citizen anywhere.
	if d.token != nil && strings.HasPrefix(d.token.Organization, organizationPrefix) {
		add("organization", d.token.Organization)
	}
	if d.token != nil && strings.HasPrefix(d.token.User, userPrefix) {
		add("user", d.token.User)
	}
	if err != nil {
		attrs = append(attrs, slog.String("rule", ruleOf(err)), slog.String("error", reason(err)))
	}
	logger.LogAttrs(r.Context(), level, message, attrs...)
}

// reason is the text of err for the log, with what a peer source said.
func reason(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*RequestError](err); ok && e.Rule == RulePeer && e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return ascii.Cut(text, 1024)
}

// cut bounds what an unauthenticated client can put into a log.
func cut(s string) string { return ascii.Cut(s, 256) }
