// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"fmt"
	"time"
)

// day is how often a location is asked without validators: a server whose ETag
// never changes would otherwise hide what is new for ever.
const day = 24 * time.Hour

// attempt asks once. A panic of the Fetcher or of a Target's function is an
// error: the goroutine has no caller who could recover.
func (l *Loader) attempt(ctx context.Context, at *Location, f *flight) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{at.URL(), fmt.Errorf("the attempt panicked: %v", r)}
		}
	}()
	if at.target.Look != nil {
		return at.target.Look(ctx)
	}
	if l.Fetcher == nil {
		return &Error{at.URL(), ErrNoFetcher}
	}
	request := at.target.Request
	l.condition(at, &request)
	response, err := l.fetch(ctx, request)
	if err != nil {
		return err
	}
	if response.NotModified {
		if at.holds() {
			return nil
		}
		// What has run out meanwhile cannot be what still stands.
		request.ETag, request.LastModified, request.NoCache = "", "", true
		if response, err = l.fetch(ctx, request); err != nil {
			return err
		}
	}
	if err := at.target.Deliver(ctx, response.Body); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at.etag, at.modified = response.ETag, response.LastModified
	if request.ETag == "" && request.LastModified == "" {
		at.whole = f.begun
	}
	return nil
}

// condition gives the request the validators of what was delivered last, if that
// still counts. Once a day it has none, and asks caches on the way to look, too.
func (l *Loader) condition(at *Location, r *Request) {
	l.mu.Lock()
	etag, modified, whole, now := at.etag, at.modified, at.whole, l.clock()
	l.mu.Unlock()
	if etag == "" && modified == "" {
		return
	}
	// The next look must not come more than a day after the last whole one.
	if age := now.Sub(whole); age < 0 || age+l.refresh() > day || !at.holds() {
		r.NoCache = true
		return
	}
	r.ETag, r.LastModified = etag, modified
}

func (at *Location) holds() bool { return at.target.Holds != nil && at.target.Holds() }

// fetch asks the Fetcher and holds it to its contract.
func (l *Loader) fetch(ctx context.Context, r Request) (*Response, error) {
	response, err := l.Fetcher.Fetch(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case response == nil:
		return nil, &Error{r.URL, ErrNothing}
	case response.NotModified && r.ETag == "" && r.LastModified == "":
		return nil, &Error{r.URL, ErrNotModified}
	case r.MaxBytes > 0 && int64(len(response.Body)) > r.MaxBytes:
		return nil, &Error{r.URL, ErrTooLarge}
	}
	return response, nil
}
