// SPDX-License-Identifier: Apache-2.0

package pointertest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

func pointers() (a, b *pointer.Pointer) {
	owner, _ := asid.ParseODSCode("A81001")
	a = &pointer.Pointer{ID: "a", Version: "1", Custodian: owner, Status: "current", Subject: "https://x.example/Patient/1",
		MasterIdentifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:a"}}
	b = &pointer.Pointer{ID: "b", Version: "2", Custodian: owner, Status: "superseded", Subject: "https://x.example/Patient/1"}
	return a, b
}

func TestMapResolver(t *testing.T) {
	t.Parallel()
	a, b := pointers()
	m := pointertest.MapResolver{"a": a, "b": b}
	assert.NoError(t, pointertest.TestResolver(m, a, b))

	twin := *a
	twin.ID = "c"
	m["c"] = &twin
	_, err := m.Resolve(t.Context(), pointer.Query{Subject: a.Subject, Identifier: a.MasterIdentifier})
	assert.ErrorIs(t, err, pointer.ErrAmbiguous)
}

func TestTwoPointersOfOneIdentifierAreAmbiguous(t *testing.T) {
	t.Parallel()
	a, b := pointers()
	twin := *a
	twin.ID, twin.Status = "c", "superseded"
	right := pointertest.MapResolver{"a": a, "b": b, "c": &twin}
	assert.NoError(t, pointertest.TestResolver(right, a, b, &twin))

	for name, m := range map[string]pointertest.MapResolver{"picks the first": {"a": a}, "picks the last": {"c": &twin}, "finds none": {}} {
		r := resolverFunc(func(q pointer.Query) (*pointer.Pointer, error) {
			if q.ID == "" {
				return m.Resolve(t.Context(), q)
			}
			return right.Resolve(t.Context(), q)
		})
		assert.Error(t, pointertest.TestResolver(r, a, b, &twin), name)
	}
}

type resolverFunc func(q pointer.Query) (*pointer.Pointer, error)

func (f resolverFunc) Resolve(_ context.Context, q pointer.Query) (*pointer.Pointer, error) {
	return f(q)
}

func TestResolversThatAreWrong(t *testing.T) {
	t.Parallel()
	a, b := pointers()
	right := pointertest.MapResolver{"a": a, "b": b}
	stale := *a
	stale.Version = "0"
	for name, r := range map[string]resolverFunc{
		"finds nothing":    func(pointer.Query) (*pointer.Pointer, error) { return nil, pointer.ErrNotFound },
		"finds everything": func(pointer.Query) (*pointer.Pointer, error) { return a, nil },
		"fails":            func(pointer.Query) (*pointer.Pointer, error) { return nil, errors.New("x") },
		"says nothing":     func(pointer.Query) (*pointer.Pointer, error) { return nil, nil },
		"has an older version": func(q pointer.Query) (*pointer.Pointer, error) {
			return pointertest.MapResolver{"a": &stale, "b": b}.Resolve(t.Context(), q)
		},
		"ignores the subject": func(q pointer.Query) (*pointer.Pointer, error) {
			return ignoring(right, q, func(q *pointer.Query) { q.Subject = a.Subject })
		},
		"ignores the system": func(q pointer.Query) (*pointer.Pointer, error) {
			return ignoring(right, q, func(q *pointer.Query) { q.Identifier.System = a.MasterIdentifier.System })
		},
		"knows current ones only": func(q pointer.Query) (*pointer.Pointer, error) {
			return pointertest.MapResolver{"a": a}.Resolve(t.Context(), q)
		},
	} {
		assert.Error(t, pointertest.TestResolver(r, a, b), name)
	}
}

func ignoring(m pointertest.MapResolver, q pointer.Query, change func(q *pointer.Query)) (*pointer.Pointer, error) {
	if q.ID == "" && q.Subject != "" {
		change(&q)
	}
	return m.Resolve(context.Background(), q)
}
