// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// TestCache puts documents into a [revocation.Cache] and reads them again, one after
// the other and at once, and joins what the Cache gets wrong. It is for users who
// write one of their own. Open returns a Cache over the same entries each time, as
// each of several processes has it; for one in memory, the same. There must be
// nothing in it under keys that begin with "testcache-"; a few kilobytes are left there.
func TestCache(open func() revocation.Cache) error {
	t := &cacheTest{open: open, first: open(), other: open()}
	if t.first == nil || t.other == nil {
		return errors.New("open returned no Cache")
	}
	for _, part := range []struct {
		name string
		test func(what string)
	}{
		{"an entry that is not there", t.absent},
		{"members as they were merged", t.exact},
		{"a second merge", t.union},
		{"two keys", t.keys},
		{"a superseded member", t.superseded},
		{"two processes that merge at once", t.atOnce},
		{"a list that a caller still has", t.unchanged},
		{"a context that has ended", t.ended},
	} {
		t.run(part.name, part.test)
	}
	return errors.Join(t.errs...)
}

type cacheTest struct {
	open         func() revocation.Cache
	first, other revocation.Cache
	errs         []error
}

func (t *cacheTest) run(name string, test func(string)) {
	defer func() {
		if p := recover(); p != nil {
			t.wrong("%s: panic: %v", name, p)
		}
	}()
	test(name)
}

func (t *cacheTest) wrong(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf(format, args...))
}

// member is a document of which nothing says what it supersedes: it must stay.
func member(name string, content []byte) revocation.Member {
	return revocation.Member{Order: "of another version: \x00\xff " + name, Digest: sha256.Sum256(content), Bytes: content}
}

func (t *cacheTest) merge(what string, c revocation.Cache, key string, members ...revocation.Member) {
	if err := c.Merge(context.Background(), key, members...); err != nil {
		t.wrong("%s: Merge: %w", what, err)
	}
}

// expect wants exactly the members, in any order.
func (t *cacheTest) expect(what string, c revocation.Cache, key string, want ...revocation.Member) {
	got, err := c.Get(context.Background(), key)
	if err != nil {
		t.wrong("%s: Get: %w", what, err)
		return
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g revocation.Member) bool { return equal(g, w) }) {
			t.wrong("%s: the member %q of %d octets is not there as it was merged", what, w.Order, len(w.Bytes))
		}
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(w revocation.Member) bool { return equal(g, w) }) {
			t.wrong("%s: there is a member %q of %d octets that was not merged under the key", what, g.Order, len(g.Bytes))
		}
	}
	if len(got) > len(want) {
		t.wrong("%s: %d members, want %d: each once", what, len(got), len(want))
	}
}

func equal(a, b revocation.Member) bool {
	return a.Order == b.Order && a.Digest == b.Digest && bytes.Equal(a.Bytes, b.Bytes)
}

// testKey is of the form of those that sources use, at its longest.
func testKey(name string) string {
	return "testcache-" + name + "-" + strings.Repeat("0123456789abcdef", 4)
}

func (t *cacheTest) absent(what string) {
	t.expect(what, t.first, testKey("absent"))
	t.merge("nothing merged", t.first, testKey("absent"))
	t.expect("nothing merged", t.first, testKey("absent"))
}

func (t *cacheTest) exact(what string) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	members := []revocation.Member{member("a", all), member("b", bytes.Repeat(all, 4096)), member("c", []byte{0})}
	longest := member("d", []byte("of 200 octets"))
	longest.Order = strings.Repeat("\x00\x80", 100)
	members = append(members, longest)
	t.merge(what, t.first, testKey("exact"), members...)
	t.expect(what, t.first, testKey("exact"), members...)
	t.expect(what+", by another process", t.other, testKey("exact"), members...)
	t.expect(what+", by a process that started later", t.open(), testKey("exact"), members...)
}

func (t *cacheTest) union(what string) {
	a, b, c := member("a", []byte("a")), member("b", []byte("b")), member("a", []byte("c"))
	t.merge(what, t.first, testKey("union"), a)
	t.merge(what, t.other, testKey("union"), b, c)
	t.merge(what, t.first, testKey("union"), b, a)
	t.expect(what, t.first, testKey("union"), a, b, c)
	t.expect(what+", by another process", t.other, testKey("union"), a, b, c)
}

func (t *cacheTest) keys(what string) {
	a, b := member("a", []byte("a")), member("b", []byte("b"))
	t.merge(what, t.first, testKey("keys"), a)
	t.merge(what, t.first, testKey("keys")+"1", b)
	t.expect(what, t.first, testKey("keys"), a)
	t.expect(what, t.first, testKey("keys")+"1", b)
}

// superseded: what Join drops may go, and nothing else.
func (t *cacheTest) superseded(what string) {
	lists := consecutive()
	for i, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2, 1}} {
		k := testKey(fmt.Sprint("superseded", i))
		for _, n := range order {
			t.merge(what, []revocation.Cache{t.first, t.other}[n%2], k, lists[n])
		}
		got, err := t.first.Get(context.Background(), k)
		if err != nil {
			t.wrong("%s: Get: %w", what, err)
		}
		for _, n := range []int{1, 2} {
			if !slices.ContainsFunc(got, func(g revocation.Member) bool { return equal(g, lists[n]) }) {
				t.wrong("%s: merged in the order %v, list %d is not there, which none supersedes that began a day ago", what, order, n)
			}
		}
	}
}

// consecutive returns three lists of a series as a source merges them: the first is
// superseded by the second, which began two days ago, and this one by the third,
// which began an hour ago.
func consecutive() (members []revocation.Member) {
	ca := stranger()
	now := time.Now().Truncate(time.Second)
	lists := &recorder{}
	source := &revocation.CRLs{Cache: lists}
	source.Issuers = append(source.Issuers, ca.cert)
	for i, ago := range []time.Duration{72 * time.Hour, 48 * time.Hour, time.Hour} {
		list := CRL{Issuer: ca.cert, Key: ca.key, ThisUpdate: now.Add(-ago), NextUpdate: now.Add(100 * time.Hour), Number: int64(i + 1)}
		raw := list.DER()
		if err := source.Add(raw); err != nil {
			panic(err)
		}
		members = append(members, lists.of(raw))
	}
	return members
}

// atOnce: neither of two that merge at once may undo what the other does.
func (t *cacheTest) atOnce(what string) {
	const writers, rounds = 8, 8
	var want []revocation.Member
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		var own []revocation.Member
		for r := range rounds {
			own = append(own, member(fmt.Sprint(w, " ", r), []byte(fmt.Sprint("content ", w, " ", r))))
		}
		want = append(want, own...)
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[w] = fmt.Errorf("panic: %v", p)
				}
			}()
			c := []revocation.Cache{t.first, t.other}[w%2]
			for _, m := range own {
				errs[w] = errors.Join(errs[w], c.Merge(context.Background(), testKey("at-once"), m))
				if _, err := c.Get(context.Background(), testKey("at-once")); err != nil {
					errs[w] = errors.Join(errs[w], err)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.wrong("%s: %w", what, err)
		}
	}
	t.expect(what, t.first, testKey("at-once"), want...)
}

func (t *cacheTest) unchanged(what string) {
	a := member("a", []byte("a"))
	t.merge(what, t.first, testKey("unchanged"), a)
	before, err := t.first.Get(context.Background(), testKey("unchanged"))
	if err != nil || len(before) != 1 {
		return // said elsewhere
	}
	t.merge(what, t.first, testKey("unchanged"), member("0", []byte("0")), member("b", []byte("b")))
	if !equal(before[0], a) {
		t.wrong("%s: a later Merge has changed it", what)
	}
}

// ended: the Cache may answer all the same, but not lie.
func (t *cacheTest) ended(what string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a := member("a", []byte("a"))
	if err := t.first.Merge(ctx, testKey("ended"), a); err == nil {
		t.expect(what+", though Merge returned nil", t.first, testKey("ended"), a)
	}
	t.merge(what, t.first, testKey("ended"), a)
	if got, err := t.first.Get(ctx, testKey("ended")); err == nil && len(got) == 0 {
		t.wrong("%s: Get returned neither the member that is there nor an error", what)
	}
	t.expect("after that", t.first, testKey("ended"), a)
}

// A recorder is a Cache that remembers what is merged into it.
type recorder struct {
	mu      sync.Mutex
	changed chan struct{}
	all     []revocation.Member
}

// Get implements revocation.Cache.
func (r *recorder) Get(context.Context, string) ([]revocation.Member, error) { return nil, nil }

// Merge implements revocation.Cache.
func (r *recorder) Merge(_ context.Context, _ string, members ...revocation.Member) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, members...)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	return nil
}

// of waits for the member of a document.
func (r *recorder) of(raw []byte) revocation.Member {
	for {
		r.mu.Lock()
		for _, m := range r.all {
			if bytes.Equal(m.Bytes, raw) {
				r.mu.Unlock()
				return m
			}
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		<-changed
	}
}
