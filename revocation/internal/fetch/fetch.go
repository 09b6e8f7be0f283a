// SPDX-License-Identifier: Apache-2.0

// Package fetch asks for documents: on demand, once however many callers wait,
// and on a schedule. It knows nothing of what the documents say; whoever names a
// Location gives it a function that takes the bytes.
//
// All times are read from the wall clock, without Go's monotonic reading, so
// that a machine which was suspended finds out at the next look that its
// documents are old. A clock that was set back makes a location due at once.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// HeadStart is how long one location is asked alone before the next of its
	// group is asked beside it.
	HeadStart = time.Second

	// Retry is after how long, from the start of the last attempt, a location
	// is asked again at the latest when a caller waits for it.
	Retry = 15 * time.Second

	// DefaultRefresh is how old a look may become, the time of fetching included.
	DefaultRefresh = time.Hour

	// DefaultTimeout bounds an attempt that a caller waits for. It is half of
	// what a handshake's check is given, so that the failure is known before
	// the handshake ends.
	DefaultTimeout = 5 * time.Second

	// DefaultLookTimeout bounds an attempt that nobody waits for: a CRL of a
	// million entries may take minutes over a slow line.
	DefaultLookTimeout = 5 * time.Minute

	// DefaultMaxLocations bounds the locations that are followed. URLs come from
	// certificates that a pinned CA signed, so this is a matter of memory.
	DefaultMaxLocations = 100_000
)

// A Fetcher gets the document behind a URL. It must be safe for concurrent use.
// One that ignores its context is asked at most twice at once for each location.
type Fetcher interface {
	Fetch(ctx context.Context, r Request) (*Response, error)
}

// A Request names a document and how much of it is wanted.
type Request struct {
	URL          string
	Body         []byte // nil: GET; else POST
	ContentType  string // of Body
	MaxBytes     int64  // a longer answer is refused
	ETag         string // validators, for a conditional request (RFC 9110 section 13)
	LastModified string
	NoCache      bool // Cache-Control: no-cache, for caches on the way
}

// A Response is the answer to a Request.
type Response struct {
	Body         []byte
	NotModified  bool
	ETag         string
	LastModified string
}

// A Target says what is at a Location and who takes it. Targets with the same
// Key are interchangeable: the functions of any of them may be called. They are
// called without a lock held and must be safe for concurrent use.
type Target struct {
	Key     string  // the location's identity
	Request Request // without validators, which the Loader keeps

	// Deliver takes the body of an answer. Its error is the attempt's failure.
	Deliver func(ctx context.Context, body []byte) error

	// Holds says whether what this location delivered last is still current, so
	// that "not modified" is an answer; nil: never.
	Holds func() bool

	// Needed says whether a good answer could rest on this location, so that
	// Run goes on looking after it though nobody uses it; nil: as Holds.
	Needed func() bool

	// Look, unless nil, is called in place of the Fetcher, Deliver and Holds: a
	// look at something other than a URL, a shared cache for instance.
	Look func(ctx context.Context) error

	Pinned bool // Run looks after it from the start, whether it is used or not
}

// A Group are the locations of one thing, in the order in which they are to be
// asked: the URLs of a distribution point, for instance.
type Group []*Location

// An Error is an attempt that the Loader itself ended or refused.
type Error struct {
	URL string // or the Key of a Target without one
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("fetching %q: %v", e.URL, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Causes of an Error.
var (
	ErrNoFetcher    = errors.New("there is no Fetcher")
	ErrNoAnswer     = errors.New("no answer within the time allowed")
	ErrOutstanding  = errors.New("two requests are outstanding, which do not end although their time is over")
	ErrTooLarge     = errors.New("the answer is longer than the request allows")
	ErrNotModified  = errors.New("not modified, but the request was not conditional")
	ErrNothing      = errors.New("the Fetcher returned neither an answer nor an error")
	ErrAlreadyGoing = errors.New("Run is already going")
)
