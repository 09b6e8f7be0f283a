package revocation

import "context"

// A Fetcher gets the bytes behind a URL: GET if body is nil, else POST of body.
// It returns at most max bytes, an error whose kind is ErrTooLarge if there
// are more, and *FetchError for whatever else brought no answer. It must be
// safe for concurrent use.
type Fetcher interface {
	Fetch(ctx context.Context, url string, body []byte, max int64) ([]byte, error)
}
