// SPDX-License-Identifier: Apache-2.0

package pointertest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	other, err := asid.ParseODSCode("A81002")
	require.NoError(t, err)
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
		"ignores the identifier": func(q pointer.Query) (*pointer.Pointer, error) {
			return ignoring(right, q, func(q *pointer.Query) { q.Identifier = a.MasterIdentifier })
		},
		"finds ids by prefix": func(q pointer.Query) (*pointer.Pointer, error) {
			if len(q.ID) > 1 && q.ID != "no-such-pointer" {
				q.ID = q.ID[:1]
			}
			return right.Resolve(t.Context(), q)
		},
		"finds ids without case": func(q pointer.Query) (*pointer.Pointer, error) {
			q.ID = strings.ToLower(q.ID)
			return right.Resolve(t.Context(), q)
		},
		"goes by the id alone": func(q pointer.Query) (*pointer.Pointer, error) {
			if q.ID != "" {
				q = pointer.Query{ID: q.ID}
			}
			return right.Resolve(t.Context(), q)
		},
		"goes by the identifier alone": func(q pointer.Query) (*pointer.Pointer, error) {
			if !q.Identifier.IsZero() {
				q.ID = ""
			}
			return right.Resolve(t.Context(), q)
		},
		"finds the subject's only one": func(q pointer.Query) (*pointer.Pointer, error) {
			if q.ID == "" && q.Subject == a.Subject && q.Identifier.IsZero() {
				return a, nil
			}
			return right.Resolve(t.Context(), q)
		},
		"knows the id alone": func(q pointer.Query) (*pointer.Pointer, error) {
			if q.ID == "" {
				return nil, pointer.ErrNotFound
			}
			return right.Resolve(t.Context(), q)
		},
		"gives a pointer beside the error": func(q pointer.Query) (*pointer.Pointer, error) {
			p, err := right.Resolve(t.Context(), q)
			if err != nil {
				p = a
			}
			return p, err
		},
		"has a kind of error of its own": func(q pointer.Query) (*pointer.Pointer, error) {
			p, err := right.Resolve(t.Context(), q)
			if err != nil {
				err = errors.New("no rows")
			}
			return p, err
		},
		"panics for what is not there": func(q pointer.Query) (*pointer.Pointer, error) {
			p, err := right.Resolve(t.Context(), q)
			if err != nil {
				panic(err)
			}
			return p, nil
		},
		"has another custodian":        changed(right, func(p *pointer.Pointer) { p.Custodian = other }),
		"has no custodian":             changed(right, func(p *pointer.Pointer) { p.Custodian = asid.ODSCode{} }),
		"has another status":           changed(right, func(p *pointer.Pointer) { p.Status = "current" }),
		"has no version":               changed(right, func(p *pointer.Pointer) { p.Version = "" }),
		"has another's subject":        changed(right, func(p *pointer.Pointer) { p.Subject += "0" }),
		"has no master identifier":     changed(right, func(p *pointer.Pointer) { p.MasterIdentifier = pointer.Identifier{} }),
		"has the id that it was asked": changed(right, func(p *pointer.Pointer) { p.ID = "c" }),
		"remembers the first answer": func() resolverFunc {
			var known *pointer.Pointer
			return func(q pointer.Query) (*pointer.Pointer, error) {
				if known != nil && q.ID != "" {
					return known, nil
				}
				p, err := right.Resolve(t.Context(), q)
				known = p
				return p, err
			}
		}(),
		"knows current ones only": func(q pointer.Query) (*pointer.Pointer, error) {
			return pointertest.MapResolver{"a": a}.Resolve(t.Context(), q)
		},
	} {
		assert.Error(t, pointertest.TestResolver(r, a, b), name)
	}
}

// changed changes what a resolver finds.
func changed(m pointertest.MapResolver, change func(*pointer.Pointer)) resolverFunc {
	return func(q pointer.Query) (*pointer.Pointer, error) {
		p, err := m.Resolve(context.Background(), q)
		if p != nil {
			other := *p
			change(&other)
			p = &other
		}
		return p, err
	}
}

// gone is a resolver that says so to callers that have left.
type gone struct{ pointertest.MapResolver }

func (g gone) Resolve(ctx context.Context, q pointer.Query) (*pointer.Pointer, error) {
	if ctx.Err() != nil {
		return nil, pointer.ErrNotFound
	}
	return g.MapResolver.Resolve(ctx, q)
}

func TestAResolverThatTellsAnOutageAsAbsenceIsFound(t *testing.T) {
	t.Parallel()
	a, b := pointers()
	assert.ErrorContains(t, pointertest.TestResolver(gone{pointertest.MapResolver{"a": a, "b": b}}, a, b), "cancelled context")
}

func ignoring(m pointertest.MapResolver, q pointer.Query, change func(q *pointer.Query)) (*pointer.Pointer, error) {
	if q.ID == "" && q.Subject != "" {
		change(&q)
	}
	return m.Resolve(context.Background(), q)
}
