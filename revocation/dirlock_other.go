// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package revocation

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// lockFile locks a file by its existence. One that is older than a minute is that
// of a process which died over it.
func lockFile(ctx context.Context, name string) (unlock func(), err error) {
	name += ".held"
	for {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			return func() { _ = file.Close(); _ = os.Remove(name) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(name)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
