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
}

// mark sets the header anew; once the header is sent it is without effect.
func (u *unstored) mark() {
	h := u.Header()
	for name := range h {
		if strings.EqualFold(name, "Cache-Control") {
			delete(h, name)
		}
	}
	h.Set("Cache-Control", "no-store")
}

func (u *unstored) WriteHeader(status int) {
	u.mark()
	u.ResponseWriter.WriteHeader(status)
}

func (u *unstored) Write(p []byte) (int, error) {
	u.mark()
	return u.ResponseWriter.Write(p)
}

// ReadFrom lets the server send a file without copying it.
func (u *unstored) ReadFrom(r io.Reader) (int64, error) {
	u.mark()
	return io.Copy(u.ResponseWriter, r)
}

// FlushError, SetReadDeadline, SetWriteDeadline and EnableFullDuplex are what an
// http.ResponseController may do.
func (u *unstored) FlushError() error {
	u.mark()
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
