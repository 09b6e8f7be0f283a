// SPDX-License-Identifier: Apache-2.0

// Package regular opens the files that users name, and nothing else of that name, and
// has them read again.
package regular

import (
	"errors"
	"os"
)

// ErrNotRegular is for a name that is a folder's, a FIFO's, a socket's or a
// device's.
var ErrNotRegular = errors.New("is not a regular file")

// Open opens a regular file. It looks before it opens, since the opening of a FIFO
// waits for a writer, and again afterwards.
func Open(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
