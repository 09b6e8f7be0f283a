// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

// A Fetcher gets the document behind a URL. It must be safe for concurrent use.
type Fetcher interface {
	// Fetch returns the answer to r, an error of the kind ErrTooLarge if it is
	// longer than r.MaxBytes, and *FetchError for whatever else brought none.
	Fetch(ctx context.Context, r Request) (*Response, error)
}

// A Request names a document and how much of it is wanted.
type Request struct {
	URL         string
	Body        []byte // nil: GET; else POST
	ContentType string // of Body
	MaxBytes    int64  // required; a longer answer is refused, not cut

	// The validators of the Response that the caller still holds, for a
	// conditional request (RFC 9110 section 13); empty: unconditional.
	ETag         string
	LastModified string

	// NoCache asks every cache on the way to go to the origin (RFC 9111 section
	// 5.2.1.4), because what they have has run out.
	NoCache bool
}

// A Response is the answer to a Request.
type Response struct {
	Body         []byte
	NotModified  bool // the document that the validators name still stands; Body is empty
	ETag         string
	LastModified string
}

func urlHost(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Host
	}
	return ""
}

// fetchWith is a Fetcher as internal/fetch calls it.
type fetchWith struct{ Fetcher }

// Fetch implements fetch.Fetcher.
func (f fetchWith) Fetch(ctx context.Context, r fetch.Request) (*fetch.Response, error) {
	response, err := f.Fetcher.Fetch(ctx, Request(r))
	switch {
	case err != nil:
		return nil, err
	case response == nil:
		return nil, &FetchError{URL: r.URL, Err: fetch.ErrNoAnswer}
	case response.NotModified && r.ETag == "" && r.LastModified == "":
		return nil, &FetchError{URL: r.URL, Err: fetch.ErrNotConditional}
	case !response.NotModified && r.MaxBytes > 0 && int64(len(response.Body)) > r.MaxBytes:
		return nil, &FetchError{URL: r.URL, Err: ErrTooLarge}
	}
	return new(fetch.Response(*response)), nil
}

// pause returns for how long the server behind an error wants not to be asked.
func pause(err error) time.Duration {
	if failed, ok := errors.AsType[*FetchError](err); ok {
		return failed.RetryAfter
	}
	return 0
}
