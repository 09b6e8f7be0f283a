// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func TestTheStoreIsBounded(t *testing.T) {
	t.Parallel()
	body := example(t, "create-stu3.json")
	i := start(t)
	i.store.MaxBytes = 20 << 10 // two of them
	numbered := func(n string) string { return strings.ReplaceAll(body, newValue, newValue+n) }
	first := i.create(t, "json", numbered("1"))
	i.create(t, "json", numbered("2"))
	w := i.send("POST", collection, "json", numbered("3"))
	assert.Equal(t, http.StatusInsufficientStorage, w.Code)
	assert.Equal(t, 200, i.send("DELETE", first, "json", "").Code)
	i.create(t, "json", body)
}

// Whatever breaks while a request is answered, the change is there whole or not
// at all.
func TestChangesAreWholeWhateverBreaks(t *testing.T) {
	t.Parallel()
	breaking := func(r *http.Request, i *instance, w http.ResponseWriter) {
		defer func() { assert.NotNil(t, recover()) }()
		i.handler.ServeHTTP(w, r)
	}
	i := start(t)
	old := i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, oldValue))
	supersede := func() *http.Request {
		return i.request("POST", collection, "json", example(t, "supersede-identifier-stu3.json"))
	}

	r := supersede()
	r.Body = brokenBody{}
	breaking(r, i, httptest.NewRecorder())
	assert.Equal(t, `W/"1"`, i.send("GET", old, "json", "").Header().Get("ETag"), "it broke before the change")

	breaking(supersede(), i, brokenWriter{httptest.NewRecorder()})
	was, err := i.store.Resolve(t.Context(), pointer.Query{ID: idOf(old)})
	require.NoError(t, err)
	is, err := i.store.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: newValue}})
	require.NoError(t, err, "it broke after the change: the new pointer is there")
	assert.Equal(t, "superseded", was.Status, "and the old one is replaced")
	assert.Equal(t, "current", is.Status)
	assert.Equal(t, 200, i.send("DELETE", old, "json", "").Code, "and no lock is left locked")
}

type brokenBody struct{ io.Closer }

func (brokenBody) Read([]byte) (int, error) { panic("the body broke") }

type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) WriteHeader(int) { panic("the connection broke") }

// What another request did between decision and change was not judged.
func TestDecisionsGoStale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		meanwhile, stale func(i *instance, at string) *http.Request
		status           int
	}{
		{"an update after a delete", remove, update(t), 404},
		{"an update after a supersede", supersede(t), update(t), 400},
		{"a supersede after a delete", remove, supersede(t), 400},
		{"a supersede after an update", update(t), supersede(t), 400},
		{"a delete after an update", update(t), remove, 409},
		{"a delete after a delete", remove, remove, 404},
	} {
		i := start(t)
		at := i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, oldValue))
		between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			require.Less(t, i.serve(c.meanwhile(i, at)).Code, 300, c.name)
			i.store.ServeHTTP(w, r)
		})
		w := httptest.NewRecorder()
		(&pointer.Guard{Resolver: i.store}).Middleware(between).ServeHTTP(w, c.stale(i, at))
		assert.Equal(t, c.status, w.Code, c.name)
	}
}

func remove(i *instance, at string) *http.Request { return i.request("DELETE", at, "json", "") }

func update(t *testing.T) func(i *instance, at string) *http.Request {
	return func(i *instance, at string) *http.Request {
		return i.request("PATCH", at, "json", example(t, "update-stu3.json"))
	}
}

func supersede(t *testing.T) func(i *instance, at string) *http.Request {
	return func(i *instance, _ string) *http.Request {
		return i.request("POST", collection, "json", example(t, "supersede-identifier-stu3.json"))
	}
}

func TestSearchesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	i := start(t)
	var want []string
	for _, n := range []string{"1", "2", "3"} {
		want = append(want, idOf(i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, newValue+n))))
	}
	var got []string
	body := i.send("GET", query("subject", patient), "json", "").Body.String()
	for _, id := range want {
		got = append(got, id)
		assert.Contains(t, body, id)
	}
	slices.SortFunc(got, func(a, b string) int { return strings.Index(body, a) - strings.Index(body, b) })
	assert.Equal(t, want, got, "oldest first")
}

var self = asid.MustParseID("999999999999")

type onePeer struct{ cert *x509.Certificate }

func (p onePeer) Peer(*http.Request) (*x509.Certificate, error) { return p.cert, nil }

// whole is i's store behind an Authorizer that knows one system.
func (i *instance) whole(t *testing.T, interactions ...asid.InteractionID) (http.Handler, asid.System) {
	system := asid.System{ASID: asid.MustParseID("200000000205"), ODS: []asid.ODSCode{ods(t, "RX1")}, FQDNs: []string{"rx1.nhs.uk"}, Interactions: interactions}
	registry, err := asid.NewMemory(system)
	require.NoError(t, err)
	peer, err := asidtest.Peers{}.Peer(asidtest.NewRequest("GET", collection, system, self))
	require.NoError(t, err)
	a := &asid.Authorizer{Registry: registry, Self: self, Peers: onePeer{peer}}
	return a.Middleware((&pointer.Guard{Resolver: i.store}).Middleware(i.store)), system
}
