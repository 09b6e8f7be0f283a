// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A locator is a whole NRL: who may ask, which pointers are whose, and the store.
type locator struct {
	store *nrl.Store
	guard http.Handler
	whole http.Handler
	ids   map[string]string // of the corpus, and what the store gave in their place
}

func newLocator(t *testing.T, c *testdata.Change) *locator {
	t.Helper()
	data, err := testdata.FS.ReadFile(c.Registry)
	require.NoError(t, err)
	registry, err := asid.ReadRegistry(bytes.NewReader(data))
	require.NoError(t, err)
	store := &nrl.Store{Time: func() time.Time { return c.At }}
	l := &locator{store: store, ids: map[string]string{}}
	l.guard = (&pointer.Guard{Resolver: store, Disclose: true}).Middleware(store)
	l.whole = (&asid.Authorizer{Registry: registry, Self: asid.MustParseID(c.Self), Peers: asidtest.Peers{}, Time: store.Time}).Middleware(l.guard)
	return l
}

// as sends a request of the organisation, which may do everything.
func (l *locator) as(t *testing.T, custodian, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	system := asid.System{ASID: asid.MustParseID("200000000299"), FQDNs: []string{"seed.corpus.nhs.uk"}, ODS: []asid.ODSCode{ods(t, custodian)},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate}}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/fhir+json")
	w := httptest.NewRecorder()
	l.guard.ServeHTTP(w, r.WithContext(asid.NewContext(t.Context(), &asid.Caller{System: &system})))
	return w
}

// seed stores a pointer of the case, by requests of its custodian's.
func (l *locator) seed(t *testing.T, stored testdata.Stored) {
	t.Helper()
	w := l.as(t, stored.Custodian, "POST", collection, stored.Body)
	require.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	id := path.Base(w.Header().Get("Location"))
	l.ids[stored.ID] = id
	switch stored.Status {
	case "entered-in-error":
		w = l.as(t, stored.Custodian, "PATCH", collection+"/"+id, testdata.EnteredInError)
	case "superseded":
		newer := strings.Replace(stored.Body, `"content":`, `"relatesTo":[{"code":"replaces","target":{"reference":"`+id+`"}}],"content":`, 1)
		newer = strings.Replace(newer, `"value":"urn:corpus:`, `"value":"urn:corpus:newer:`, 1)
		w = l.as(t, stored.Custodian, "POST", collection, newer)
	}
	require.Less(t, w.Code, 300, w.Body.String())
}

// theirs puts the store's ids in the place of the corpus'.
func (l *locator) theirs(s string) string {
	for corpus, id := range l.ids {
		s = strings.ReplaceAll(s, corpus, id)
	}
	return s
}

// Each change of the corpus is answered by the whole as its case says, and the
// stored pointers have the status that it says.
func TestCorpusOfChanges(t *testing.T) {
	t.Parallel()
	for _, c := range testdata.Cases() {
		if c.Change == nil || c.Rule == "ambiguous" || c.Change.Lookup != "" {
			continue // the store has no two pointers of one masterIdentifier, and does not fail
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			l := newLocator(t, c.Change)
			for _, stored := range c.Change.Stored {
				l.seed(t, stored)
			}
			asked := *c.Change
			asked.Target = l.theirs(asked.Target)
			request, err := asked.NewRequest(l.theirs(asked.Body))
			require.NoError(t, err)
			answer := httptest.NewRecorder()
			sender := asid.System{ASID: asid.MustParseID("200000000299"), FQDNs: []string{c.Change.FQDN}, ODS: []asid.ODSCode{ods(t, "RR8")}}
			request.TLS = asidtest.NewRequest("GET", collection, sender, sender.ASID).TLS
			l.whole.ServeHTTP(answer, request.WithContext(t.Context()))
			if c.Verdict == testdata.Refuse {
				assert.GreaterOrEqual(t, answer.Code, 300, "let through")
			}
			assert.NoError(t, c.Change.Answered(answer.Code, answer.Body.Bytes()))
			after := map[string]string{}
			for corpus, id := range l.ids {
				p, err := l.store.Resolve(t.Context(), pointer.Query{ID: id})
				if err == nil {
					after[corpus] = p.Status
				}
			}
			assert.True(t, maps.Equal(c.Change.After, after), "stored: %v in place of %v", after, c.Change.After)
		})
	}
}
