// SPDX-License-Identifier: Apache-2.0

// Package audit makes the records of requests that asid and pointer write: one
// for each decision, joined by the id of the request, with texts that cannot
// forge a line or fill a disk.
package audit

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// A Request is what the records of one request share. The nil Request shares
// nothing.
type Request struct {
	id string

	mu   sync.Mutex
	rule string
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
// refused it. The first counts.
func (r *Request) Refuse(rule string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rule == "" {
		r.rule = rule
	}
}

// Rule returns the rule that Refuse noted, or the empty string.
func (r *Request) Rule() string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rule
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

// Clean returns s cut to the bound, with U+FFFD for what is not printable: line
// breaks and controls, among others, and octets that are not UTF-8.
func Clean(s string, bound int) string {
	s = ascii.Cut(s, bound)
	if ascii.Printable(s) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, s)
}

// MaskNHSNumbers replaces each NHS number in a text by asterisks: ten digits of
// which the last is the check digit, with no digit beside them. Octets may be
// percent-encoded, but for the digits.
func MaskNHSNumbers(s string) string {
	for i := 0; i+10 <= len(s); i++ {
		if s[i] == '%' {
			i += 2 // an encoded octet
			continue
		}
		if !ascii.Digit(s[i]) {
			continue
		}
		end := i
		for end < len(s) && ascii.Digit(s[end]) {
			end++
		}
		if end-i == 10 && spine.IsNHSNumber(s[i:end]) {
			s = s[:i] + "**********" + s[end:]
		}
		i = end
	}
	return s
}
