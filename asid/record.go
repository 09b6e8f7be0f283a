// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// A decision is what became known of one request while it was judged, for the
// audit. The query is left out, for it names patients, and so is the citizen of
// the token.
type decision struct {
	claimed
	observed InteractionID
	names    Names
	bound    Binding // if it was authorised
}

// log writes the one record of the decision; err is nil if the request may pass.
func (d *decision) log(logger *slog.Logger, r *http.Request, err error) {
	if logger == nil {
		return
	}
	level, message := slog.LevelInfo, "request authorised"
	if err != nil {
		level, message = slog.LevelWarn, "request refused"
		if row, _ := classify(err); row == outcome.InternalError {
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
		attrs = append(attrs, slog.String("rule", rule(err)), slog.Any("error", err))
	}
	logger.LogAttrs(r.Context(), level, message, attrs...)
}

// rule names the check that refused, in the words of the error's type.
func rule(err error) string {
	row, _ := classify(err)
	switch row {
	case outcome.InvalidHeader:
		return "header"
	case outcome.InvalidToken:
		return "token"
	case outcome.ASIDCheckFailed:
		return "interaction"
	case outcome.AccessDenied:
		return "binding"
	case outcome.AccessDeniedSSL:
		return "connection"
	case outcome.BadRequest:
		return "request"
	}
	return "internal"
}

// cut bounds what a stranger can put into a log.
func cut(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
