// SPDX-License-Identifier: Apache-2.0

// Package pointertest helps to test what is built on package pointer: [TestGuard]
// puts a server's own handler to the test, [TestResolver] its resolver.
package pointertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A MapResolver is a [pointer.Resolver] over a map by logical id, as
// [testing/fstest.MapFS] is a file system over one. It must not be changed while
// it is in use.
type MapResolver map[string]*pointer.Pointer

// Resolve implements [pointer.Resolver].
func (m MapResolver) Resolve(_ context.Context, q pointer.Query) (*pointer.Pointer, error) {
	var found *pointer.Pointer
	for _, p := range m {
		if !q.Matches(p) {
			continue
		}
		if found != nil {
			return nil, pointer.ErrAmbiguous
		}
		found = p
	}
	if found == nil {
		return nil, pointer.ErrNotFound
	}
	return found, nil
}

// TestResolver checks that r finds each of want by id and, if it has a master
// identifier, by subject and identifier, and by both; and that it finds nothing for
// queries that mean none of them. Several of want that have one subject and
// identifier are to be ambiguous: a store that can hold such is to be tested with
// two. A caller that has left is not told that a pointer is not there. The error
// joins all that is wrong.
func TestResolver(r pointer.Resolver, want ...*pointer.Pointer) error {
	t := &resolverTest{resolver: r, named: map[pointer.Query]int{}, ids: map[string]bool{}}
	for _, p := range want {
		t.named[nameOf(p)]++
		t.ids[p.ID] = true
	}
	t.missing("an unknown id", pointer.Query{ID: "no-such-pointer"})
	t.missing("an empty query", pointer.Query{})
	for i, p := range want {
		t.byID(p)
		t.byName(p)
		t.cancelled(p)
		if other := want[(i+1)%len(want)]; nameOf(p) != nameOf(other) && named(other) {
			t.missing("the id of one with the identifier of another",
				pointer.Query{ID: p.ID, Subject: other.Subject, Identifier: other.MasterIdentifier})
		}
	}
	return errors.Join(t.errs...)
}

type resolverTest struct {
	resolver pointer.Resolver
	named    map[pointer.Query]int
	ids      map[string]bool
	errs     []error
}

func nameOf(p *pointer.Pointer) pointer.Query {
	return pointer.Query{Subject: p.Subject, Identifier: p.MasterIdentifier}
}

func named(p *pointer.Pointer) bool { return !p.MasterIdentifier.IsZero() && p.Subject != "" }

func (t *resolverTest) fault(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf(format, args...))
}

// resolve asks; a panic is an error.
func (t *resolverTest) resolve(ctx context.Context, q pointer.Query) (p *pointer.Pointer, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = nil, fmt.Errorf("it panicked: %v", v)
		}
	}()
	return t.resolver.Resolve(ctx, q)
}

func (t *resolverTest) found(what string, q pointer.Query, want *pointer.Pointer) {
	got, err := t.resolve(context.Background(), q)
	switch {
	case err != nil:
		t.fault("%s by %s: %w", want.ID, what, err)
	case got == nil:
		t.fault("%s by %s: neither a pointer nor an error", want.ID, what)
	case got.ID != want.ID || got.Version != want.Version || got.Custodian != want.Custodian || got.Status != want.Status ||
		got.Subject != want.Subject || got.MasterIdentifier != want.MasterIdentifier:
		t.fault("%s by %s: got %+v, want %+v", want.ID, what, *got, *want)
	}
}

func (t *resolverTest) missing(what string, q pointer.Query) {
	got, err := t.resolve(context.Background(), q)
	if !errors.Is(err, pointer.ErrNotFound) || got != nil {
		t.fault("%s: got %v and error %v, want ErrNotFound", what, got, err)
	}
}

func (t *resolverTest) byID(p *pointer.Pointer) {
	t.found("id", pointer.Query{ID: p.ID}, p)
	for what, id := range map[string]string{"a longer id": p.ID + "0", "an id in other letters": swapCase(p.ID)} {
		if !t.ids[id] {
			t.missing(what, pointer.Query{ID: id})
		}
	}
}

func (t *resolverTest) byName(p *pointer.Pointer) {
	if !named(p) {
		return
	}
	q := nameOf(p)
	if t.named[q] == 1 {
		t.found("subject and identifier", q, p)
	} else if got, err := t.resolve(context.Background(), q); !errors.Is(err, pointer.ErrAmbiguous) || got != nil {
		t.fault("%s by subject and identifier, of which there are %d: got %v and error %v, want ErrAmbiguous", p.ID, t.named[q], got, err)
	}
	t.found("id, subject and identifier", pointer.Query{ID: p.ID, Subject: p.Subject, Identifier: p.MasterIdentifier}, p)
	t.missing("another subject's identifier", pointer.Query{Subject: p.Subject + "0", Identifier: p.MasterIdentifier})
	t.missing("an identifier of another system",
		pointer.Query{Subject: p.Subject, Identifier: pointer.Identifier{System: "urn:other", Value: p.MasterIdentifier.Value}})
	t.missing("a longer identifier",
		pointer.Query{Subject: p.Subject, Identifier: pointer.Identifier{System: p.MasterIdentifier.System, Value: p.MasterIdentifier.Value + "0"}})
	t.missing("a subject without an identifier", pointer.Query{Subject: p.Subject})
	t.missing("an identifier without a subject", pointer.Query{Identifier: p.MasterIdentifier})
}

// cancelled asks with a context that has ended: a resolver may answer all the
// same, but then rightly.
func (t *resolverTest) cancelled(want *pointer.Pointer) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got, err := t.resolve(ctx, pointer.Query{ID: want.ID})
	switch {
	case errors.Is(err, pointer.ErrNotFound):
		t.fault("%s with a cancelled context: got ErrNotFound", want.ID)
	case err == nil && (got == nil || got.ID != want.ID):
		t.fault("%s with a cancelled context: got %v", want.ID, got)
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if u := unicode.ToUpper(r); u != r {
			return u
		}
		return unicode.ToLower(r)
	}, s)
}
