// SPDX-License-Identifier: Apache-2.0

package regular

import (
	"context"
	"time"
)

// Follow calls load at each interval, so that a file is read again, until ctx ends,
// and returns ctx.Err(). Zero or less: 10 s. What load returns is left to load to log
// and to remember; but if nothing was loaded yet it is called at once, and its error
// returned.
func Follow(ctx context.Context, interval time.Duration, loaded bool, load func() error) error {
	if !loaded {
		if err := load(); err != nil {
			return err
		}
	}
	if interval <= 0 {
		interval = 10 * time.Second
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			_ = load()
		}
	}
}
