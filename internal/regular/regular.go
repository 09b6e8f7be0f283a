// SPDX-License-Identifier: Apache-2.0

// Package regular opens the files that users name, and nothing else of that name,
// bounds what is read of them, and has them read again.
package regular

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrNotRegular is for a name that is a folder's, a FIFO's, a socket's or a
// device's.
var ErrNotRegular = errors.New("is not a regular file")

// Open opens a regular file. It looks before it opens, since opening a device may do
// something, and again afterwards.
func Open(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	return openRegular(name)
}

// maxBytes bounds a file of systems or of their bindings.
const maxBytes = 16 << 20

// ReadAll reads r, which has 16 MiB at most.
func ReadAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("there are more than %d bytes", maxBytes)
	}
	return text, nil
}

// openRegular is Open without the first look, after which the name may be another
// file's.
func openRegular(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
