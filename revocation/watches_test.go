// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
)

// noFetcher fetches nothing.
type noFetcher struct{}

func (noFetcher) Fetch(context.Context, Request) (*Response, error) { return nil, ErrNoSource }

// What is no longer looked after, because there is too much of it, is let go of.
func TestWhatIsLookedAfterIsBounded(t *testing.T) {
	s := &CRLs{Cache: DirCache(t.TempDir()), Fetcher: noFetcher{}}
	s.setUp()
	s.asker.MaxWatches = 4
	var entries []weak.Pointer[sharedEntry]
	var urls []weak.Pointer[crlURL]
	for i := range 100 {
		entries = append(entries, weak.Make(s.shared.entry(fmt.Sprint(i), nil).Of.(*sharedEntry)))
		urls = append(urls, weak.Make(s.watchURL(fmt.Sprint("http://crl.example/", i)).Of.(*crlURL)))
	}
	runtime.GC()
	alive := 0
	for i := range entries {
		if entries[i].Value() != nil {
			alive++
		}
		if urls[i].Value() != nil {
			alive++
		}
	}
	assert.LessOrEqual(t, alive, 4)
	runtime.KeepAlive(s)
}
