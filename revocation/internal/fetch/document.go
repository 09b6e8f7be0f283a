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
	// use; "not modified" is no answer then.
	RanOut func() bool

	mu             sync.Mutex
	etag, modified string    // of what was delivered last
	whole          time.Time // of the last request without validators
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
	if d.etag+d.modified != "" {
		// Caches on the way are to look, too.
		request.NoCache = age < 0 || age+d.Every > unconditional || d.RanOut()
	}
	if !request.NoCache {
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
		if !d.RanOut() {
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
