// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// A response is the writer that handlers behind this package get. It has no
// Unwrap, so that the connection cannot be hijacked: [http.ResponseController]
// would find the inner writer.
type response struct {
	http.ResponseWriter
	noStore bool // the answer carries Cache-Control: no-store, whatever its handler sets
	sent    bool // the header
}

// mark sets the header anew.
func (u *response) mark() {
	if !u.noStore {
		return
	}
	h := u.Header()
	for name := range h {
		if strings.EqualFold(name, "Cache-Control") {
			delete(h, name)
		}
	}
	h["Cache-Control"] = noStoreValue
}

// before is mark for what may send the header, and does nothing once it is sent.
func (u *response) before() {
	if !u.sent {
		u.mark()
	}
}

// noStoreValue is shared by all answers; its capacity is its length, so that
// nothing can be appended to it in place.
var noStoreValue = []string{"no-store"}

func (u *response) WriteHeader(status int) {
	u.before()
	u.ResponseWriter.WriteHeader(status)
	// Informational answers come before the header proper.
	u.sent = u.sent || status >= 200
}

func (u *response) Write(p []byte) (int, error) {
	u.before()
	u.sent = true
	return u.ResponseWriter.Write(p)
}

// ReadFrom lets the server send a file without copying it. What cannot be read
// sends no header.
func (u *response) ReadFrom(r io.Reader) (int64, error) {
	u.before()
	n, err := io.Copy(u.ResponseWriter, r)
	u.sent = u.sent || n > 0
	return n, err
}

// FlushError, SetReadDeadline, SetWriteDeadline and EnableFullDuplex are what an
// http.ResponseController may do.
func (u *response) FlushError() error {
	u.before()
	return http.NewResponseController(u.ResponseWriter).Flush()
}

func (u *response) Flush() { _ = u.FlushError() }

func (u *response) SetReadDeadline(deadline time.Time) error {
	return http.NewResponseController(u.ResponseWriter).SetReadDeadline(deadline)
}

func (u *response) SetWriteDeadline(deadline time.Time) error {
	return http.NewResponseController(u.ResponseWriter).SetWriteDeadline(deadline)
}

func (u *response) EnableFullDuplex() error {
	return http.NewResponseController(u.ResponseWriter).EnableFullDuplex()
}
