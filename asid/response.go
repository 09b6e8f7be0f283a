// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// A responseWriter is the writer that handlers behind this package get. It has no
// Unwrap, so that the connection cannot be hijacked: [http.ResponseController]
// would find the inner writer.
type responseWriter struct {
	http.ResponseWriter
	noStore      bool      // the answer carries Cache-Control: no-store, whatever its handler sets
	cacheControl [1]string // of this answer alone, since handlers may write into its header
	sent         bool      // the header
	trail        *trail
	in           incoming // the request that is answered
	err          error    // why it was refused
}

// mark sets the header anew.
func (u *responseWriter) mark() {
	if !u.noStore {
		return
	}
	h := u.Header()
	for name := range h {
		if strings.EqualFold(name, "Cache-Control") {
			delete(h, name)
		}
	}
	u.cacheControl = [1]string{"no-store"}
	h["Cache-Control"] = u.cacheControl[:]
}

// before is mark for what may send the header, and does nothing once it is sent.
func (u *responseWriter) before() {
	if !u.sent {
		u.mark()
	}
}

// send notes that the header is sent, with that status if none was sent before.
func (u *responseWriter) send(status int) {
	if u.sent {
		return
	}
	u.sent = true
	if u.trail != nil {
		u.trail.answered(status, u.Header())
	}
}

// Hijack refuses: requests on the connection would not be judged.
// It is here so that the attempt is recorded.
func (u *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if u.trail != nil {
		u.trail.aborted = "hijack"
	}
	return nil, nil, fmt.Errorf("behind this package: %w", http.ErrNotSupported)
}

func (u *responseWriter) WriteHeader(status int) {
	u.before()
	u.ResponseWriter.WriteHeader(status)
	// Informational answers come before the header proper, but for 101, which ends
	// the exchange (RFC 9110 section 15.2.2).
	if status >= 200 || status == http.StatusSwitchingProtocols {
		u.send(status)
	}
}

func (u *responseWriter) Write(p []byte) (int, error) {
	u.before()
	u.send(http.StatusOK)
	n, err := u.ResponseWriter.Write(p)
	if u.trail != nil && u.trail.response != nil {
		u.trail.response.take(p[:n])
	}
	return n, err
}

// WriteString is Write without a copy.
func (u *responseWriter) WriteString(s string) (int, error) {
	u.before()
	u.send(http.StatusOK)
	n, err := io.WriteString(u.ResponseWriter, s)
	if u.trail != nil && u.trail.response != nil {
		u.trail.response.take([]byte(s[:n]))
	}
	return n, err
}

// ReadFrom lets the server send a file without copying it. What cannot be read
// sends no header.
func (u *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	u.before()
	if u.trail != nil && u.trail.response != nil {
		r = &readBody{io.NopCloser(r), u.trail.response}
	}
	if !isFile(r) {
		r = &lateReader{r, u}
	}
	n, err := io.Copy(u.ResponseWriter, r)
	if n > 0 {
		u.send(http.StatusOK)
	}
	return n, err
}

// isFile reports whether r is what a server can send without copying it.
func isFile(r io.Reader) bool {
	if limited, ok := r.(*io.LimitedReader); ok {
		r = limited.R
	}
	_, ok := r.(*os.File)
	return ok
}

// A lateReader is read by the server before it sends the header, which the reader may
// change.
type lateReader struct {
	io.Reader
	answer *responseWriter
}

// Read implements [io.Reader].
func (r *lateReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.answer.before()
	return n, err
}

// FlushError, SetReadDeadline, SetWriteDeadline and EnableFullDuplex are what an
// http.ResponseController may do.
func (u *responseWriter) FlushError() error {
	u.before()
	err := http.NewResponseController(u.ResponseWriter).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		u.send(http.StatusOK)
	}
	return err
}

func (u *responseWriter) Flush() { _ = u.FlushError() }

func (u *responseWriter) SetReadDeadline(deadline time.Time) error {
	return http.NewResponseController(u.ResponseWriter).SetReadDeadline(deadline)
}

func (u *responseWriter) SetWriteDeadline(deadline time.Time) error {
	return http.NewResponseController(u.ResponseWriter).SetWriteDeadline(deadline)
}

func (u *responseWriter) EnableFullDuplex() error {
	return http.NewResponseController(u.ResponseWriter).EnableFullDuplex()
}

// errUndecided stands for the decision until there is one: what a [PeerSource] or a
// [Registry] breaks off by a panic was refused.
var errUndecided = errors.New("the request was not judged to the end")

// record writes the record of the request that u answers, when its handler
// returns or something panics. A panic goes on.
func (u *responseWriter) record(r *http.Request) {
	if u.trail == nil {
		return
	}
	panicked := recover()
	switch {
	case panicked == http.ErrAbortHandler:
		u.trail.aborted = "abort"
	case panicked != nil:
		u.trail.aborted = "panic"
	default:
		u.send(http.StatusOK) // what the server sends for a handler that wrote nothing
	}
	u.trail.write(r, &u.in, u.err)
	if panicked != nil {
		panic(panicked)
	}
}
