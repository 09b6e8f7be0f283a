// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

// rereadFiles is how often CRL files are read again.
const rereadFiles = time.Minute

// watchFile looks after a file of CRLs.
func (s *CRLs) watchFile(name string) *fetch.Watch {
	var last []byte
	var mu sync.Mutex
	return s.asker.Watch(fetch.Target{Key: "file " + name, URL: name, Every: rereadFiles, Do: func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		data, err := readFile(name, s.maxBytes())
		if err != nil || last != nil && slices.Equal(data, last) {
			return err
		}
		lists, err := s.readCRLs(data, name, math.MaxInt)
		if err != nil {
			return err
		}
		if err := s.addAll(lists, name); err != nil {
			return err
		}
		if last = data; len(data) > 1<<20 {
			last = nil // reading it again costs less than keeping it
		}
		return nil
	}})
}

// readFile reads a file of at most twice as many octets, which PEM may take.
func readFile(name string, most int64) ([]byte, error) {
	file, err := regular.Open(name) // a FIFO would be waited for
	switch {
	case errors.Is(err, regular.ErrNotRegular):
		return nil, fmt.Errorf("%s %w", name, err)
	case err != nil:
		return nil, err
	}
	defer file.Close()
	data, err := readWhole(file, 2*most)
	if err == nil && int64(len(data)) > 2*most {
		err = fmt.Errorf("%s: %w", name, ErrTooLarge)
	}
	return data, err
}
