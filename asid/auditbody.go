// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"io"
	"sync"
)

// A body is the beginning of a body, for the audit. A transport may read it on
// while the record is made: its server has answered early.
type body struct {
	mu   sync.Mutex
	text []byte
	left int // bytes that may still be taken
}

func (b *body) take(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(p), b.left)
	b.text = append(b.text, p[:n]...)
	b.left -= n
}

// taken returns what was taken so far.
func (b *body) taken() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// A readBody takes of what is read.
type readBody struct {
	io.ReadCloser
	into *body
}

// Read implements [io.Reader].
func (r *readBody) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.into.take(p[:n])
	return n, err
}
