// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

type noCache struct{}

func (noCache) Get(context.Context, string) ([]Member, error)  { return nil, nil }
func (noCache) Merge(context.Context, string, ...Member) error { return nil }

// Run waits for the merges that are under way when its context ends, and handshakes
// go on while a server shuts down.
func TestMergesBeginWhileRunWaitsForThem(t *testing.T) {
	c := &shared{
		cache: noCache{}, kind: "test", asker: &fetch.Asker{Now: time.Now, Refresh: time.Hour},
		under: func(string) []known.Member { return nil }, warn: func(_ string, err error) { t.Error(err) },
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 5000 {
				c.merge(fmt.Sprint(n, i%8))
				c.wait()
			}
		})
	}
	all.Wait()
}
