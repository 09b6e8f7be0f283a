// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEvictedDocumentsAreLetGo(t *testing.T) {
	var alive atomic.Int64
	k := &keeper[*note]{fetcher: &scripted{answer: says("1 1h")}, cache: nil, parse: func(raw []byte, u string) (*note, error) {
		n, err := parseNote(raw, u)
		alive.Add(1)
		runtime.AddCleanup(n, func(int) { alive.Add(-1) }, 0)
		return n, err
	}}
	spots := make([]spot[*note], maxKept+3000)
	for i := range spots {
		for range 2 {
			_, _, err := k.getFrom(t.Context(), &spots[i], fmt.Sprint(i), noteRequest, time.Now(), anyNote)
			require.NoError(t, err)
		}
	}
	for range 1000 {
		if runtime.GC(); alive.Load() <= maxKept+10 {
			break
		}
		runtime.Gosched()
	}
	assert.LessOrEqual(t, alive.Load(), int64(maxKept+10))
	runtime.KeepAlive(spots)
}

func TestKnownAfterItWasGivenUp(t *testing.T) {
	k := &keeper[*note]{fetcher: &scripted{answer: down}, parse: parseNote, cache: &memoryCache{data: map[string][]byte{"u": []byte("1 1h")}}}
	var r recollection
	_, ok := k.known(t.Context(), "u", noteRequest, time.Now(), anyNote, &r)
	require.True(t, ok)
	for k.find("u") != nil {
		k.writing.Lock()
		k.evict()
		k.writing.Unlock()
	}
	_, ok = k.known(t.Context(), "u", noteRequest, time.Now(), anyNote, &r)
	assert.True(t, ok, "the Cache has it")
}
