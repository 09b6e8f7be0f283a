// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"io"
	"sync"
	"unicode/utf8"
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

// taken returns what was taken so far, without a character of which only a part has
// been taken.
func (b *body) taken() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.text) - 1; i >= 0 && i >= len(b.text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b.text[i]) {
			if !utf8.FullRune(b.text[i:]) {
				return string(b.text[:i])
			}
			break
		}
	}
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
