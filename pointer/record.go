// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"errors"
	"log/slog"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/audit"
)

// record logs one decision: who, what, on which pointer, and the rule that
// refused it. Patients and master identifiers stay out.
func (g *Guard) record(ctx context.Context, caller *asid.Caller, c Change, d *Decision, err error) {
	shared := audit.FromContext(ctx)
	level, message := slog.LevelInfo, "pointer change allowed"
	if err != nil {
		level, message = slog.LevelWarn, "pointer change refused"
	}
	logged := g.Logger != nil && g.Logger.Enabled(ctx, level)
	if err != nil {
		text := "" // is in the guard's own record
		if !logged {
			text = logText(err)
		}
		shared.Refuse(ruleOf(err), text)
	}
	if !logged {
		return
	}
	attrs := []slog.Attr{slog.String("action", c.Action.String())}
	if id := shared.ID(); id != "" {
		attrs = append(attrs, slog.String("id", id)) // joins it with the record of the request
	}
	if caller != nil && caller.System != nil {
		attrs = append(attrs, slog.String("asid", caller.System.ASID.String()))
	}
	if c.New != nil {
		attrs = append(attrs, slog.String("custodian", c.New.Custodian.String()))
	}
	switch {
	case d != nil && d.Stored != nil:
		attrs = append(attrs, slog.String("pointer", d.Stored.ID), slog.String("version", d.Stored.Version))
	case c.Target.ID != "":
		attrs = append(attrs, slog.String("pointer", audit.MaskNHSNumbers(c.Target.ID)))
	}
	if err != nil {
		attrs = append(attrs, slog.String("rule", ruleOf(err)), slog.String("error", logText(err)))
	}
	g.Logger.LogAttrs(ctx, level, message, attrs...)
}

// logText is err as the log has it. The text may have in it what the sender wrote: an
// id that is an NHS number, or as much as a parser repeats.
func logText(err error) string {
	const most = 500
	return ascii.Cut(audit.MaskNHSNumbers(err.Error()), most)
}

// ruleOf is the word that the log has for err.
func ruleOf(err error) string {
	if e, ok := errors.AsType[*ChangeError](err); ok {
		return string(e.Rule)
	}
	return "config"
}
