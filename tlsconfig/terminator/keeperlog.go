// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"context"
	"log/slog"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/record"
)

// say logs each problem once, and once that it is over.
func (k *Keeper) say(problems []Problem) {
	now := make(map[string]Problem, len(problems))
	for _, p := range problems {
		key := p.key()
		if _, known := k.said[key]; !known && p.Kind != Foreign { // which has been said
			if _, twice := now[key]; !twice {
				k.log(slog.LevelWarn, "CRL file of "+string(k.Program)+": "+string(p.Kind), slog.Any("error", p))
			}
		}
		now[key] = p
	}
	var over []string
	for key, p := range k.said {
		if _, still := now[key]; !still && p.Kind != Expiring && p.Kind != Foreign {
			over = append(over, p.Error())
		}
	}
	slices.Sort(over)
	for _, text := range over {
		k.log(slog.LevelInfo, "CRL file of "+string(k.Program)+": mended", slog.String("was", text))
	}
	k.said = now
}

func (k *Keeper) log(level slog.Level, message string, attrs ...slog.Attr) {
	record.Writer{Logger: k.Logger, Late: &k.late}.Write(context.Background(), level, message, append([]slog.Attr{slog.String("file", k.File)}, attrs...)...)
}
