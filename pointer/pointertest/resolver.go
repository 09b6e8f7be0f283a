// SPDX-License-Identifier: Apache-2.0

// Package pointertest helps to test what is built on package pointer.
package pointertest

import (
	"context"
	"errors"
	"fmt"

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
// identifier, by subject and identifier, and that it finds nothing for queries
// that mean none of them. Several of want that have one subject and identifier are
// to be ambiguous: a store that can hold such is to be tested with two. The error
// joins all that is wrong.
func TestResolver(r pointer.Resolver, want ...*pointer.Pointer) error {
	var errs []error
	ctx := context.Background()
	found := func(what string, q pointer.Query, want *pointer.Pointer) {
		got, err := r.Resolve(ctx, q)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s by %s: %w", want.ID, what, err))
		case got == nil:
			errs = append(errs, fmt.Errorf("%s by %s: neither a pointer nor an error", want.ID, what))
		case got.ID != want.ID || got.Version != want.Version || got.Custodian != want.Custodian || got.Status != want.Status ||
			got.Subject != want.Subject || got.MasterIdentifier != want.MasterIdentifier:
			errs = append(errs, fmt.Errorf("%s by %s: got %+v, want %+v", want.ID, what, *got, *want))
		}
	}
	missing := func(what string, q pointer.Query) {
		if got, err := r.Resolve(ctx, q); !errors.Is(err, pointer.ErrNotFound) {
			errs = append(errs, fmt.Errorf("%s: got %v and error %v, want ErrNotFound", what, got, err))
		}
	}
	named := map[pointer.Query]int{}
	for _, p := range want {
		named[pointer.Query{Subject: p.Subject, Identifier: p.MasterIdentifier}]++
	}
	missing("an unknown id", pointer.Query{ID: "no-such-pointer"})
	missing("an empty query", pointer.Query{})
	for _, p := range want {
		found("id", pointer.Query{ID: p.ID}, p)
		if p.MasterIdentifier.IsZero() || p.Subject == "" {
			continue
		}
		q := pointer.Query{Subject: p.Subject, Identifier: p.MasterIdentifier}
		if named[q] == 1 {
			found("subject and identifier", q, p)
		} else if got, err := r.Resolve(ctx, q); !errors.Is(err, pointer.ErrAmbiguous) {
			errs = append(errs, fmt.Errorf("%s by subject and identifier, of which there are %d: got %v and error %v, want ErrAmbiguous", p.ID, named[q], got, err))
		}
		missing("another subject's identifier", pointer.Query{Subject: p.Subject + "0", Identifier: p.MasterIdentifier})
		missing("an identifier of another system",
			pointer.Query{Subject: p.Subject, Identifier: pointer.Identifier{System: "urn:other", Value: p.MasterIdentifier.Value}})
	}
	return errors.Join(errs...)
}
