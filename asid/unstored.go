// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// An unstored response carries Cache-Control: no-store, whatever else its
// handler sets. It has no Unwrap: [http.ResponseController] would find the inner
// writer and with it ways to send a header that was not marked.
type unstored struct {
	http.ResponseWriter
	sent bool // the header
}

// mark sets the header anew.
func (u *unstored) mark() {
	h := u.Header()
	for name := range h {
		if strings.EqualFold(name, "Cache-Control") {
			delete(h, name)
		}
	}
	h.Set("Cache-Control", "no-store")
}

// before is mark for what may send the header, and does nothing once it is sent.
func (u *unstored) before() {
	if !u.sent {
		u.mark()
	}
}

func (u *unstored) WriteHeader(status int) {
	u.before()
	u.ResponseWriter.WriteHeader(status)
	// Informational answers come before the header proper.
	u.sent = u.sent || status >= 200
}

func (u *unstored) Write(p []byte) (int, error) {
	u.before()
	u.sent = true
	return u.ResponseWriter.Write(p)
}

// ReadFrom lets the server send a file without copying it. What cannot be read
// sends no header.
func (u *unstored) ReadFrom(r io.Reader) (int64, error) {
	u.before()
	n, err := io.Copy(u.ResponseWriter, r)
	u.sent = u.sent || n > 0
	return n, err
}

// FlushError, SetReadDeadline, SetWriteDeadline and EnableFullDuplex are what an
// http.ResponseController may do.
func (u *unstored) FlushError() error {
	u.before()
	return http.NewResponseController(u.ResponseWriter).Flush()
}

func (u *unstored) Flush() { _ = u.FlushError() }

func (u *unstored) SetReadDeadline(deadline time.Time) error {
	return http.NewResponseController(u.ResponseWriter).SetReadDeadline(deadline)
}

func (u *unstored) SetWriteDeadline(deadline time.Time) error {
	return http.NewResponseController(u.ResponseWriter).SetWriteDeadline(deadline)
}

func (u *unstored) EnableFullDuplex() error {
	return http.NewResponseController(u.ResponseWriter).EnableFullDuplex()
}
