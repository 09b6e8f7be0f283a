// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Request names a document and how much of it is wanted.
type Request struct {
	URL          string
	Body         []byte
	ContentType  string
	MaxBytes     int64
	ETag         string
	LastModified string
	NoCache      bool
}

// A Response is the answer to a Request.
type Response struct {
	Body         []byte
	NotModified  bool
	ETag         string
	LastModified string
}

// A Fetcher gets the document behind a URL.
type Fetcher interface {
	Fetch(ctx context.Context, r Request) (*Response, error)
}

// Errors of a Document beside those of its Fetcher.
var (
	ErrNoAnswer       = errors.New("the Fetcher returned neither an answer nor an error")
	ErrNotConditional = errors.New("not modified, but the request was not conditional")
	ErrTooLong        = errors.New("longer than was asked for")
)

// unconditional is how old the last whole document may become, whatever the
// server says of its validators: some never change their ETag.
const unconditional = 24 * time.Hour

// A document that has run out is asked for every few seconds until its server has
// another, and whole, since "not modified" is no answer to it. One of so many octets that
// had run out already when it came whole is asked for whole only so often, and in
// between by its validators, for the server's sake.
const (
	long      = 1 << 20
	longWhole = 2 * time.Minute
)

// A Document is fetched from one URL, conditionally where the server gave
// validators.
type Document struct {
	Fetcher Fetcher
	Now     func() time.Time
	Every   time.Duration // between two looks at most
	Request func() (Request, error)

	// Deliver takes what has come, or says what is wrong with it.
	Deliver func(*Response) error

	// RanOut reports whether the document that was delivered last is of no more
	// use; "not modified" is no answer then, unless that was so of the whole document,
	// a long one, a moment ago.
	RanOut func() bool

	mu             sync.Mutex
	etag, modified string    // of what was delivered last
	whole          time.Time // of the last request without validators
	longRanOut     bool      // its answer was long, and had run out when it came
}

// Do makes one request, or two if the first is answered by "not modified" though
// the document has run out.
func (d *Document) Do(ctx context.Context) error {
	request, err := d.Request()
	if err != nil {
		return err
	}
	d.mu.Lock()
	start := d.Now().Round(0)
	age := start.Sub(d.whole)
	known := false // that the server had no other a moment ago
	if d.etag+d.modified != "" {
		// Caches on the way are to look, too.
		ranOut := d.RanOut()
		known = ranOut && d.longRanOut && age >= 0 && age < longWhole
		request.NoCache = age < 0 || age+d.Every > unconditional || ranOut
	}
	if !request.NoCache || known {
		request.ETag, request.LastModified = d.etag, d.modified
	}
	d.mu.Unlock()
	response, err := d.fetch(ctx, request)
	if err != nil {
		return err
	}
	if response.NotModified {
		if request.ETag == "" && request.LastModified == "" {
			return ErrNotConditional
		}
		if known || !d.RanOut() {
			return nil
		}
		request.ETag, request.LastModified, request.NoCache = "", "", true
		if response, err = d.fetch(ctx, request); err != nil {
			return err
		}
		if response.NotModified {
			return ErrNotConditional
		}
	}
	if request.MaxBytes > 0 && int64(len(response.Body)) > request.MaxBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLong, request.MaxBytes)
	}
	if err := d.Deliver(response); err != nil {
		return err
	}
	d.mu.Lock()
	d.etag, d.modified = response.ETag, response.LastModified
	if request.ETag == "" && request.LastModified == "" {
		d.whole = start
		d.longRanOut = len(response.Body) >= long && d.RanOut()
	}
	d.mu.Unlock()
	return nil
}

func (d *Document) fetch(ctx context.Context, r Request) (*Response, error) {
	response, err := d.Fetcher.Fetch(ctx, r)
	if err == nil && response == nil {
		err = ErrNoAnswer
	}
	return response, err
}
