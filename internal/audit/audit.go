// SPDX-License-Identifier: Apache-2.0

// Package audit makes the records of requests that asid and pointer write: one
// for each decision, joined by the id of the request, with texts that cannot
// forge a line or fill a disk.
package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// A Request is what the records of one request share. The nil Request shares
// nothing.
type Request struct {
	id string

	mu   sync.Mutex
	rule string
	text string
}

type contextKey struct{}

// NewContext returns a context with a new Request.
func NewContext(ctx context.Context) (context.Context, *Request) {
	r := &Request{id: spine.NewUUID()}
	return context.WithValue(ctx, contextKey{}, r), r
}

// FromContext returns the Request that ctx belongs to, or nil.
func FromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(contextKey{}).(*Request)
	return r
}

// ID returns the id under which all records of the request are found, or the
// empty string.
func (r *Request) ID() string {
	if r == nil {
		return ""
	}
	return r.id
}

// Refuse notes the rule by which a handler behind the one that made the Request
// refused it, and what it said of it; the empty text if a record of its own does. The
// first counts.
func (r *Request) Refuse(rule, text string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rule == "" {
		r.rule, r.text = rule, text
	}
}

// Refusal returns what Refuse noted, or empty strings.
func (r *Request) Refusal() (rule, text string) {
	if r == nil {
		return "", ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rule, r.text
}

// maxText bounds a text of a record, in bytes.
const maxText = 256

// A Record is one record in the making.
type Record struct{ attrs []slog.Attr }

// NewRecord returns an empty record with room for what most requests need.
func NewRecord() *Record { return &Record{attrs: make([]slog.Attr, 0, 24)} }

// Text adds a text of at most 256 bytes; the empty text is left out.
func (r *Record) Text(key, value string) { r.LongText(key, value, maxText) }

// LongText is Text with another bound. What cannot be printed is replaced, and
// what is too long is cut.
func (r *Record) LongText(key, value string, bound int) {
	if value != "" {
		r.attrs = append(r.attrs, slog.String(key, Clean(value, bound)))
	}
}

// Number adds a number.
func (r *Record) Number(key string, value int64) { r.attrs = append(r.attrs, slog.Int64(key, value)) }

// Time adds a time.
func (r *Record) Time(key string, value time.Time) { r.attrs = append(r.attrs, slog.Time(key, value)) }

// Write hands the record to the handler itself, since a slog.Logger drops what a
// handler returns.
func (r *Record) Write(ctx context.Context, handler slog.Handler, now time.Time, level slog.Level, message string) error {
	if !handler.Enabled(ctx, level) {
		return nil
	}
	record := slog.NewRecord(now, level, message, 0)
	record.AddAttrs(r.attrs...)
	return handler.Handle(ctx, record)
}

// Clean returns s in at most bound bytes, with U+FFFD for what is not printable:
// line breaks and controls, among others, and octets that are not UTF-8. Behind a
// text that was cut stands how long it was, so that what it hides can be told from
// another.
func Clean(s string, bound int) string {
	if len(s) <= bound && ascii.Printable(s) {
		return s
	}
	var b strings.Builder
	b.Grow(min(len(s), bound))
	mark := fmt.Sprintf("...(%d bytes)", len(s))
	fits := 0 // what there is room for with the mark
	for _, c := range s {
		if !unicode.IsPrint(c) {
			c = unicode.ReplacementChar
		}
		if b.Len()+utf8.RuneLen(c) > bound {
			return b.String()[:fits] + mark
		}
		b.WriteRune(c)
		if b.Len()+len(mark) <= bound {
			fits = b.Len()
		}
	}
	return b.String()
}
