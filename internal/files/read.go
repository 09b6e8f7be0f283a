// SPDX-License-Identifier: Apache-2.0

// Package files presents the own certificate from files that are renewed while they
// are in use.
package files

import (
	"fmt"
	"io"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// maxFile is far more than any chain, its key or a set of pins need.
const maxFile = 1 << 20

// Read reads a regular file of at most 1 MiB. Its errors name the file.
func Read(name string) ([]byte, error) {
	f, err := regular.Open(name)
	if err == regular.ErrNotRegular {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, nil
}
