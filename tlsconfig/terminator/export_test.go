// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"log/slog"
	"time"
)

// For tests.
var WritePEM = writePEM

// StatsSocketWithin is StatsSocket with another time for each answer.
func StatsSocketWithin(each time.Duration, path string, reload Hook, logger *slog.Logger) Hook {
	return (&statsSocket{path: path, each: each}).hook(reload, logger)
}

const PartOctets = partOctets
