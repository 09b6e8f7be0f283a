// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

// A page is a Fetcher for one URL, by HTTP's rules or by worse ones.
type page struct {
	body, etag  string
	notModified bool // answered to every conditional request
	always      bool // and to every unconditional one
	nothing     bool // neither an answer nor an error
	requests    []fetch.Request
}

func (p *page) Fetch(_ context.Context, r fetch.Request) (*fetch.Response, error) {
	p.requests = append(p.requests, r)
	switch {
	case p.nothing:
		return nil, nil
	case p.always, r.ETag != "" && (p.notModified || r.ETag == p.etag):
		return &fetch.Response{NotModified: true}, nil
	}
	return &fetch.Response{Body: []byte(p.body), ETag: p.etag}, nil
}

func (p *page) last() fetch.Request { return p.requests[len(p.requests)-1] }

// A reader takes what is delivered, which is current until a time.
type reader struct {
	page      *page
	document  *fetch.Document
	delivered []string
	until     time.Time
	refuse    error
}

func newReader() *reader {
	r := &reader{page: &page{body: "one", etag: `"1"`}, until: time.Now().Add(7 * 24 * time.Hour)}
	r.document = &fetch.Document{
		Fetcher: r.page, Now: time.Now, Every: time.Hour,
		Request: func() (fetch.Request, error) { return fetch.Request{URL: "http://a/", MaxBytes: 10}, nil },
		Deliver: func(response *fetch.Response) error {
			r.delivered = append(r.delivered, string(response.Body))
			return r.refuse
		},
		RanOut: func() bool { return time.Now().After(r.until) },
	}
	return r
}

func TestDocumentIsAskedForConditionally(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReader()
		require.NoError(t, r.document.Do(t.Context()))
		assert.Equal(t, fetch.Request{URL: "http://a/", MaxBytes: 10}, r.page.last())
		require.NoError(t, r.document.Do(t.Context()))
		assert.Equal(t, `"1"`, r.page.last().ETag)
		assert.Equal(t, []string{"one"}, r.delivered, "not modified")
		r.page.body, r.page.etag = "two", `"2"`
		require.NoError(t, r.document.Do(t.Context()))
		assert.Equal(t, []string{"one", "two"}, r.delivered)
	})
}

// Property 9: 304 is no answer to a document that has run out.
func TestDocumentThatRanOutIsAskedForWhole(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReader()
		require.NoError(t, r.document.Do(t.Context()))
		r.until = time.Now().Add(-time.Second)
		r.page.body = "two" // under the ETag of before
		require.NoError(t, r.document.Do(t.Context()))
		assert.Equal(t, fetch.Request{URL: "http://a/", MaxBytes: 10, NoCache: true}, r.page.last())
		assert.Equal(t, []string{"one", "two"}, r.delivered)
	})
}

// Nor is a long list fetched whole every few seconds from a server that has no other.
func TestLongDocumentThatCameRunOutIsAskedForWholeNowAndThen(t *testing.T) {
	for length, wholes := range map[int]int{1 << 20: 5, 1<<20 - 1: 40} {
		t.Run(strconv.Itoa(length), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newReader()
				r.document.Request = func() (fetch.Request, error) { return fetch.Request{URL: "http://a/", MaxBytes: 1 << 20}, nil }
				r.page.body = strings.Repeat("x", length)
				r.until = time.Now().Add(time.Minute)
				require.NoError(t, r.document.Do(t.Context())) // current
				time.Sleep(2 * time.Minute)
				before := len(r.page.requests)
				for range 40 { // ten minutes
					require.NoError(t, r.document.Do(t.Context()))
					assert.True(t, r.page.last().NoCache)
					time.Sleep(15 * time.Second)
				}
				whole := 0
				for _, request := range r.page.requests[before:] {
					if request.ETag == "" {
						whole++
					}
				}
				assert.Equal(t, wholes, whole)
				r.page.body, r.page.etag = "two", `"2"`
				require.NoError(t, r.document.Do(t.Context()))
				assert.Equal(t, "two", r.delivered[len(r.delivered)-1], "at the next look")
				r.page.body = "three" // under the ETag of before
				r.until = time.Now().Add(-time.Second)
				require.NoError(t, r.document.Do(t.Context()))
				assert.Equal(t, "three", r.delivered[len(r.delivered)-1])
			})
		})
	}
}

func TestDocumentThatRunsOutWhileItIsAskedForIsAskedForWholeAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReader()
		require.NoError(t, r.document.Do(t.Context()))
		asked := 0
		r.document.RanOut = func() bool { asked++; return asked > 1 }
		r.page.body = "two"
		require.NoError(t, r.document.Do(t.Context()))
		assert.Equal(t, `"1"`, r.page.requests[1].ETag)
		assert.Equal(t, fetch.Request{URL: "http://a/", MaxBytes: 10, NoCache: true}, r.page.last())
		assert.Equal(t, []string{"one", "two"}, r.delivered)
	})
}

// Property 3: within a day, where a server answers 304 for ever.
func TestDocumentIsAskedForWholeOnceADay(t *testing.T) {
	for _, every := range []time.Duration{time.Minute, time.Hour, 7 * time.Hour, 30 * time.Hour} {
		t.Run("with a look each "+every.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newReader()
				r.until = time.Now().Add(365 * 24 * time.Hour)
				r.document.Every = every
				r.page.notModified = true
				whole, conditional := time.Now(), 0
				for time.Since(whole) < 30*24*time.Hour && len(r.page.requests) < 1_000 {
					require.NoError(t, r.document.Do(t.Context()))
					if last := r.page.last(); last.ETag == "" {
						assert.LessOrEqual(t, time.Since(whole), max(24*time.Hour, every))
						assert.Equal(t, len(r.page.requests) > 1, last.NoCache, "caches on the way may be what is constant")
						whole = time.Now()
					} else {
						conditional++
					}
					time.Sleep(every)
				}
				if every <= time.Hour {
					assert.Greater(t, conditional, len(r.page.requests)*9/10)
				}
			})
		})
	}
}

func TestDocumentIsAskedForWholeAfterTheClockWasSetBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReader()
		ahead := 48 * time.Hour
		r.document.Now = func() time.Time { return time.Now().Add(ahead) }
		require.NoError(t, r.document.Do(t.Context()))
		ahead = 0
		require.NoError(t, r.document.Do(t.Context()))
		assert.Empty(t, r.page.last().ETag)
	})
}

func TestDocumentThatWasRefusedLeavesNoValidators(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newReader()
		r.refuse = errors.New("not a CRL")
		require.ErrorIs(t, r.document.Do(t.Context()), r.refuse)
		require.ErrorIs(t, r.document.Do(t.Context()), r.refuse)
		assert.Empty(t, r.page.last().ETag)
	})
}

func TestDocumentHoldsItsFetcherToItsContract(t *testing.T) {
	for name, test := range map[string]struct {
		page page
		want error
	}{
		"neither an answer nor an error":     {page{nothing: true}, fetch.ErrNoAnswer},
		"not modified, though unconditional": {page{always: true}, fetch.ErrNotConditional},
		"longer than was asked for":          {page{body: "eleven char"}, fetch.ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newReader()
				*r.page = test.page
				assert.ErrorIs(t, r.document.Do(t.Context()), test.want)
				assert.Empty(t, r.delivered)
			})
		})
	}
	t.Run("not modified twice, though it ran out", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newReader()
			require.NoError(t, r.document.Do(t.Context()))
			r.until = time.Now().Add(-time.Second)
			r.page.always = true
			assert.ErrorIs(t, r.document.Do(t.Context()), fetch.ErrNotConditional)
		})
	})
}
