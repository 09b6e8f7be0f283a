// SPDX-License-Identifier: Apache-2.0

package asid

import "io"

// A body is the beginning of a body, for the audit.
type body struct {
	text []byte
	left int // bytes that may still be taken
}

func (b *body) take(p []byte) {
	n := min(len(p), b.left)
	b.text = append(b.text, p[:n]...)
	b.left -= n
}

// A readBody takes of what is read.
type readBody struct {
	io.ReadCloser
	taken *body
}

// Read implements [io.Reader].
func (r *readBody) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.taken.take(p[:n])
	return n, err
}
