// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// record logs one decision: who, what, on which pointer, and the rule that
// refused it. Patients and master identifiers stay out.
func (g *Guard) record(ctx context.Context, caller *asid.Caller, c Change, d *Decision, err error) {
	if g.Logger == nil {
		return
	}
	level, message := slog.LevelInfo, "pointer change allowed"
	if err != nil {
		level, message = slog.LevelWarn, "pointer change refused"
	}
	if !g.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("action", c.Action.String())}
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
		attrs = append(attrs, slog.String("pointer", c.Target.ID))
	}
	if c.Action == Bundle {
		attrs = append(attrs, slog.Int("entries", len(c.Entries)))
		if d != nil {
			attrs = append(attrs, slog.Any("pointers", d.stored()))
		}
	}
	if err != nil {
		attrs = append(attrs, slog.String("rule", ruleOf(err)), slog.String("error", short(err.Error())))
	}
	g.Logger.LogAttrs(ctx, level, message, attrs...)
}

// stored names the pointers that a Bundle changes, each by its id.
func (d *Decision) stored() []string {
	var ids []string
	for _, e := range d.Entries {
		if e.Stored != nil {
			ids = append(ids, e.Stored.ID)
		}
	}
	return ids
}

// short bounds a text that has a parser's error in it, and so whatever the sender
// wrote.
func short(text string) string {
	const most = 500
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// ruleOf names the type of err, as in OwnerError.
func ruleOf(err error) string {
	name := fmt.Sprintf("%T", err)
	return name[strings.LastIndexByte(name, '.')+1:]
}
