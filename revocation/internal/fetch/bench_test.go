// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

// BenchmarkRun has so many documents due at once, of ten hosts that answer at
// once. Time and memory for each document must not depend on their number.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("due=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				lookAtAll(n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/document")
		})
	}
}

// BenchmarkOverdue is what a warm check does for each document that it depends on.
func BenchmarkOverdue(b *testing.B) {
	a := newAsker()
	w := a.Watch(fetch.Target{Key: "a", Do: func(context.Context) error { return nil }})
	now := time.Now().Add(-time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		w.Used()
		if w.Overdue(now) {
			b.Fatal("it is not due yet")
		}
	}
}

// lookAtAll has Run look at so many documents, and returns when it has.
func lookAtAll(n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var looks atomic.Int64
	a := newAsker()
	for i := range n {
		a.Watch(fetch.Target{Key: fmt.Sprint(i), Host: fmt.Sprint(i % 10), Do: func(context.Context) error {
			if looks.Add(1) == int64(n) {
				cancel()
			}
			return nil
		}})
	}
	_ = a.Run(ctx)
}
