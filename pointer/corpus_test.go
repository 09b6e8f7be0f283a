// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/corpustest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// Each pointer of the corpus is read as its case says, or refused by its rule.
func TestCorpusOfPointers(t *testing.T) {
	t.Parallel()
	meant := func(c *testdata.Case) bool { return c.Pointer != nil }
	corpustest.Each(t, meant, func(t *testing.T, c *testdata.Case) {
		got, err := pointer.Parse(c.Pointer.ContentType, c.Pointer.Bytes())
		if c.Verdict == testdata.Refuse {
			require.Error(t, err, "let through")
			assertRule(t, err, pointer.Rule(c.Rule))
			return
		}
		require.NoError(t, err)
		assert.Equal(t, c.Pointer.Custodian, got.Custodian.String())
		assert.Equal(t, c.Pointer.Subject, got.Subject)
		assert.Equal(t, c.Pointer.Status, got.Status)
		assert.Equal(t, c.Pointer.Identifier, bar(got.MasterIdentifier))
		relatesTo := ""
		for _, r := range got.RelatesTo {
			relatesTo += r.Code + "|" + r.Target.ID + "|"
			if id := bar(r.Target.Identifier); id != "" {
				relatesTo += id
			} else {
				relatesTo += "|"
			}
		}
		assert.Equal(t, c.Pointer.RelatesTo, relatesTo)
	})
}

func bar(i pointer.Identifier) string {
	if i.IsZero() {
		return ""
	}
	return i.System + "|" + i.Value
}

// A corpusStore makes the changes that a guard has decided on, and no others.
type corpusStore struct {
	pointers map[string]*pointer.Pointer
	lookup   string // what comes of a look-up; empty: the pointer
	fresh    int
}

func newCorpusStore(t *testing.T, stored []testdata.Stored, lookup string) *corpusStore {
	t.Helper()
	s := &corpusStore{pointers: map[string]*pointer.Pointer{}, lookup: lookup}
	for _, had := range stored {
		p, err := pointer.Parse("application/fhir+json", []byte(had.Body))
		require.NoError(t, err)
		require.Equal(t, had.Custodian, p.Custodian.String())
		p.ID, p.Version, p.Status = had.ID, had.Version, had.Status
		s.pointers[p.ID] = p
	}
	return s
}

func (s *corpusStore) Resolve(_ context.Context, q pointer.Query) (*pointer.Pointer, error) {
	switch {
	case s.lookup == "fails":
		return nil, errors.New("no connection")
	case s.lookup == "unavailable":
		return nil, &pointer.ChangeError{Rule: pointer.RuleUnavailable}
	case s.lookup == "unsearchable" && q.ID == "":
		return nil, &pointer.ChangeError{Rule: pointer.RuleResource, Element: "subject"}
	}
	var found *pointer.Pointer
	for _, p := range s.pointers {
		if q.Matches(p) && found != nil {
			return nil, pointer.ErrAmbiguous
		}
		if q.Matches(p) {
			found = p
		}
	}
	if found == nil {
		return nil, pointer.ErrNotFound
	}
	given := *found
	switch s.lookup {
	case "nothing":
		return nil, nil
	case "another pointer":
		given.ID = "corpus-id-9"
	case "no version":
		given.Version = ""
	}
	return &given, nil
}

// senderOf is the system that a change is from, as the registry has it.
func senderOf(t *testing.T, r *http.Request, registryFile string) *asid.Caller {
	t.Helper()
	data, err := testdata.FS.ReadFile(registryFile)
	require.NoError(t, err)
	registry, err := asid.ReadRegistry(bytes.NewReader(data))
	require.NoError(t, err)
	system, err := registry.Lookup(t.Context(), asid.MustParseID(r.Header.Get("fromASID")))
	require.NoError(t, err)
	return &asid.Caller{System: system}
}

func (s *corpusStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d, ok := pointer.DecisionFrom(r.Context())
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	switch d.Change.Action {
	case pointer.Create:
		s.fresh++
	case pointer.Supersede:
		s.fresh++
		s.set(w, d.Stored.ID, "superseded")
	case pointer.Update:
		s.set(w, d.Stored.ID, "entered-in-error")
	case pointer.Delete:
		delete(s.pointers, d.Stored.ID)
	}
}

func (s *corpusStore) set(w http.ResponseWriter, id, status string) {
	had := s.pointers[id]
	if had == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	changed := *had
	changed.Status = status
	s.pointers[id] = &changed
}

// Each change of the corpus is made, or refused and answered as its case says, and
// what is stored afterwards is what the case says, too.
func TestCorpusOfChanges(t *testing.T) {
	t.Parallel()
	for _, c := range testdata.Cases() {
		if c.Change == nil || c.Rule == "nrl" || c.Change.Method == http.MethodGet {
			continue // the store decides these: pointer/nrl's tests run them
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			store := newCorpusStore(t, c.Change.Stored, c.Change.Lookup)
			var refusal error
			guard := &pointer.Guard{Resolver: store, Disclose: true, ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				refusal = err
				pointer.WriteError(w, r, err)
			}}
			request, err := c.Change.NewRequest(c.Change.Body)
			require.NoError(t, err)
			answer := httptest.NewRecorder()
			guard.Middleware(store).ServeHTTP(answer, request.WithContext(asid.NewContext(t.Context(), senderOf(t, request, c.Change.Registry))))
			if c.Verdict == testdata.Refuse && assert.Error(t, refusal, "let through") {
				assertRule(t, refusal, pointer.Rule(c.Rule))
			}
			assert.NoError(t, c.Change.Answered(answer.Code, answer.Body.Bytes()))
			after := map[string]string{}
			for id, p := range store.pointers {
				after[id] = p.Status
			}
			assert.True(t, maps.Equal(c.Change.After, after), "stored: %v in place of %v", after, c.Change.After)
			assert.Equal(t, c.Change.New, store.fresh)
		})
	}
}
