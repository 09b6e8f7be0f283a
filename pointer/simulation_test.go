// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A sim is one history: several systems change pointers of a store through a
// guard and a Forward, some of them while another's change is under way. Its
// oracle is told of each change of the store, and knows who is acting.
type sim struct {
	t       *testing.T
	random  *rand.Rand
	store   *simStore
	handler http.Handler
	acting  []*simRequest // the innermost request is the last
	faults  []string
	changes int
}

// A simRequest is a request that is under way.
type simRequest struct {
	ods     string
	judged  map[string]string // by id, the version that the guard's last look-up gave
	changed int               // pointers that were there before
}

var simODS = []string{"A81001", "RX1", "RR8"}

// A mutation takes a part of the guard's or Forward's work out again.
type mutation struct {
	name string
	// naive, if not nil, takes the place of Forward; it gets the request as the
	// client sent it, and what the guard handed on.
	naive func(s *sim, original, judged *http.Request) *http.Request
	// strip, if not nil, changes what Forward sends.
	strip func(*http.Request)
}

// transport sends to the store without a network. Before each request another
// system may get in between.
type transport struct {
	*sim
	strip func(*http.Request)
}

func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if tr.strip != nil {
		tr.strip(r)
	}
	if len(tr.acting) == 1 && tr.random.IntN(3) == 0 {
		tr.rival(tr.acting[0])
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	tr.store.ServeHTTP(w, r)
	return w.Result(), nil
}

// A noting resolver notes which version the guard judges.
type noting struct {
	pointer.Resolver
	*sim
}

func (n noting) Resolve(ctx context.Context, q pointer.Query) (*pointer.Pointer, error) {
	p, err := n.Resolver.Resolve(ctx, q)
	if err == nil {
		n.acting[len(n.acting)-1].judged[p.ID] = p.Version
	}
	return p, err
}

const simOrigin = "http://store.example/fhir"

type originalKey struct{}

func newSim(t *testing.T, q quirk, m mutation, seed uint64) *sim {
	s := &sim{t: t, random: rand.New(rand.NewPCG(seed, 19)), store: &simStore{quirk: q, pointers: map[string]*simResource{}}}
	s.store.changed = s.check
	backend, err := url.Parse(simOrigin)
	require.NoError(t, err)
	base, err := url.Parse("https://nrl.example/STU3")
	require.NoError(t, err)
	lookups := &http.Client{Transport: transport{sim: s}}
	guard := &pointer.Guard{Disclose: true, Resolver: noting{&pointer.FHIR{Client: lookups, Base: backend}, s}}
	var next http.Handler = &pointer.Forward{Client: &http.Client{Transport: transport{s, m.strip}}, Backend: backend, Base: base,
		IfMatch: q.honours, AllowUnconditional: q.takesID, Update: q.update, Supersede: q.supersede}
	if m.naive != nil {
		next = http.HandlerFunc(func(w http.ResponseWriter, judged *http.Request) {
			original, _ := judged.Context().Value(originalKey{}).(*http.Request)
			s.store.ServeHTTP(w, m.naive(s, original, judged))
		})
	}
	s.handler = guard.Middleware(next)
	return s
}

// check is the oracle. It goes by the page: only its custodian's system changes
// a pointer, one at a time, in the ways that the NRL has, and no decision about
// one version changes another where the store can tell.
func (s *sim) check(method string, before, after *simResource) {
	if len(s.acting) == 0 {
		return // the history's beginning
	}
	s.changes++
	by := s.acting[len(s.acting)-1]
	fault := func(format string, args ...any) {
		s.faults = append(s.faults, by.ods+": "+fmt.Sprintf(format, args...))
	}
	if after != nil && after.Custodian.Reference != odsURL+by.ods {
		fault("made pointer %s of %s", after.ID, after.Custodian.Reference)
	}
	if before == nil {
		return
	}
	by.changed++
	switch {
	case before.Custodian.Reference != odsURL+by.ods:
		fault("changed pointer %s of %s by %s", before.ID, before.Custodian.Reference, method)
	case by.changed > 1:
		fault("changed a second pointer, %s", before.ID)
	case by.judged[before.ID] == "":
		fault("changed pointer %s, which was not judged", before.ID)
	case s.conditional(method) && by.judged[before.ID] != before.Meta.VersionID:
		fault("changed version %s of pointer %s, but version %s was judged", before.Meta.VersionID, before.ID, by.judged[before.ID])
	case s.conditional(method) && after != nil && (after.Status == before.Status || before.Status != "current"):
		fault("changed pointer %s from %s to %s", before.ID, before.Status, after.Status)
	}
}

// conditional reports whether this store can make a change by the method
// conditional. A supersede by the store's own doing cannot be.
func (s *sim) conditional(method string) bool {
	return method == http.MethodPost && s.store.supersede == pointer.SupersedeTransaction ||
		method == http.MethodPatch && s.store.update == pointer.UpdateJSONPatch || s.store.honoured(method)
}

func (s *sim) patient() string {
	return []string{patient, otherPatient}[s.random.IntN(2)]
}

// name is a value from a small pool, so that names meet: those of others'
// pointers, and ids.
func (s *sim) name() simIdentifier {
	value := fmt.Sprintf("v%d", s.random.IntN(5))
	if list := s.store.sorted(); len(list) > 0 && s.random.IntN(3) == 0 {
		value = list[s.random.IntN(len(list))].ID
	}
	return simIdentifier{"urn:s", value}
}

func (s *sim) id() string {
	if list := s.store.sorted(); len(list) > 0 {
		return list[s.random.IntN(len(list))].ID
	}
	return "p0"
}

// resource is a new pointer, mostly of the organisation.
func (s *sim) resource(ods string) *simResource {
	if s.random.IntN(10) == 0 {
		ods = simODS[s.random.IntN(len(simODS))]
	}
	p := &simResource{Type: "DocumentReference", Status: "current", Subject: simReference{Reference: s.patient()}, Custodian: simReference{Reference: odsURL + ods}}
	if s.random.IntN(4) > 0 {
		id := s.name()
		p.Master = &id
	}
	for range s.random.IntN(3) {
		p.Identifier = append(p.Identifier, s.name())
	}
	if s.random.IntN(4) == 0 {
		p.ID, p.Meta.VersionID = s.id(), "1"
	}
	if s.random.IntN(2) == 0 {
		rel := simRelation{Code: "replaces"}
		if s.random.IntN(2) == 0 {
			rel.Target.Reference = "DocumentReference/" + s.id()
		}
		if rel.Target.Reference == "" || s.random.IntN(2) == 0 {
			id := s.name()
			rel.Target.Identifier = &id
		}
		p.RelatesTo = []simRelation{rel}
	}
	return p
}

// target is the path and query of an update or a delete.
func (s *sim) target(byID bool) string {
	switch s.random.IntN(3) {
	case 0:
		return collection + "/" + s.id()
	case 1:
		if byID {
			return collection + "?_id=" + s.id()
		}
	}
	id := s.name()
	return collection + queryString("subject", s.patient(), "identifier", id.System+"|"+id.Value)
}

// rival sends one request while another is under way: any, or one of the same
// organisation about the pointer that the other is about.
func (s *sim) rival(other *simRequest) {
	if ids := slices.Sorted(maps.Keys(other.judged)); len(ids) > 0 && s.random.IntN(2) == 0 {
		s.send(other.ods, http.MethodPatch, collection+"/"+ids[0], "application/fhir+json", updates[false])
		return
	}
	s.step()
}

// step sends one request.
func (s *sim) step() {
	ods := simODS[s.random.IntN(len(simODS))]
	method, target, contentType, body := http.MethodPost, collection, "application/fhir+json", ""
	isXML := s.random.IntN(2) == 0
	if isXML {
		contentType = "application/fhir+xml"
	}
	switch s.random.IntN(5) {
	case 0, 1:
		method, target, contentType = http.MethodDelete, s.target(true), ""
	case 2:
		method, target = http.MethodPatch, s.target(false)
		body = updates[isXML]
	default:
		p := s.resource(ods)
		if body = p.json(); isXML {
			body = p.xml()
		}
	}
	s.send(ods, method, target, contentType, body)
}

func (s *sim) send(ods, method, target, contentType, body string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if s.random.IntN(8) == 0 {
		r.Header.Set("If-Match", fmt.Sprintf(`W/"%d"`, 1+s.random.IntN(s.store.last+1)))
	}
	original := r.Clone(context.Background())
	original.Body = io.NopCloser(strings.NewReader(body))
	caller := callerOf(s.t, ods)
	ctx := context.WithValue(asid.NewContext(r.Context(), caller), originalKey{}, original)
	s.acting = append(s.acting, &simRequest{ods: ods, judged: map[string]string{}})
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r.WithContext(ctx))
	if w.Code >= 500 {
		s.faults = append(s.faults, fmt.Sprintf("%s: %s %s was answered %d", ods, method, target, w.Code))
	}
	s.acting = s.acting[:len(s.acting)-1]
}

var updates = map[bool]string{
	false: `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},` +
		`{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueString":"entered-in-error"}]}]}`,
	true: `<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part>` +
		`<part><name value="path"/><valueString value="DocumentReference.status"/></part><part><name value="value"/><valueString value="entered-in-error"/></part></parameter></Parameters>`,
}

// history runs one and returns what the oracle found, and how many changes were
// made.
func history(t *testing.T, q quirk, m mutation, seed uint64) ([]string, int) {
	s := newSim(t, q, m, seed)
	for i := range 10 {
		s.step()
		if len(s.faults) > 0 {
			return append(s.faults, fmt.Sprintf("seed %d, step %d", seed, i)), s.changes
		}
	}
	return nil, s.changes
}

// histories is how many there are for each store: 10,000 in all where CI is set.
func histories() int {
	switch {
	case os.Getenv("CI") != "":
		return 2000
	case testing.Short():
		return 50
	default:
		return 300
	}
}

func TestOnlyOwnersChangeAPointerWhateverTheStoreReads(t *testing.T) {
	t.Parallel()
	for _, q := range quirks() {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			changes := 0
			for seed := range uint64(histories()) {
				faults, n := history(t, q, mutation{}, seed)
				require.Empty(t, faults)
				changes += n
			}
			t.Logf("%d histories, %d changes", histories(), changes)
			assert.Greater(t, changes, histories(), "histories in which hardly anything happens")
		})
	}
}

// The simulation finds what goes wrong when a part of the work is left out.
func TestTheSimulationFindsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds: hundreds of histories, until one fails")
	}
	original := mutation{name: "the request goes on as it came", naive: func(_ *sim, original, _ *http.Request) *http.Request { return original }}
	body := mutation{name: "the body goes on as it came", naive: func(_ *sim, original, judged *http.Request) *http.Request {
		judged.Body = original.Body
		return judged
	}}
	// The query without the id.
	query := mutation{name: "the URL goes on as it came", naive: func(_ *sim, original, judged *http.Request) *http.Request {
		judged.URL = original.URL
		return judged
	}}
	condition := mutation{name: "no If-Match goes on", strip: func(r *http.Request) { r.Header.Del("If-Match") }}
	patch := mutation{name: "no test of the version", strip: func(r *http.Request) {
		if r.Header.Get("Content-Type") == "application/json-patch+json" {
			body, _ := io.ReadAll(r.Body)
			body = bytes.Replace(body, []byte(`"op":"test","path":"/meta/versionId"`), []byte(`"op":"test","path":"/meta"`), 1)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
	}}
	bundle := mutation{name: "a transaction without ifMatch", strip: func(r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/fhir" {
			body, _ := io.ReadAll(r.Body)
			body = bytes.ReplaceAll(body, []byte("ifMatch"), []byte("ifOther"))
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
	}}
	all := quirks()
	for _, c := range []struct {
		q quirk
		m mutation
	}{
		{all[0], condition}, {all[1], original}, {all[1], condition}, {all[1], bundle}, {all[2], original}, {all[2], query}, {all[2], patch},
		{all[3], original}, {all[3], body}, {all[3], condition}, {all[4], original}, {all[4], body},
	} {
		t.Run(c.q.name+", "+c.m.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(2000) {
				if faults, _ := history(t, c.q, c.m, seed); faults != nil {
					t.Logf("after %d histories: %v", seed+1, errors.New(faults[0]))
					return
				}
			}
			t.Error("no history of 2,000 finds it")
		})
	}
}
