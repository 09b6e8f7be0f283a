// SPDX-License-Identifier: Apache-2.0

package revocation

import "context"

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
