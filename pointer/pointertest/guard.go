// SPDX-License-Identifier: Apache-2.0

package pointertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/internal/stage"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A Setting is what a handler that is put to the test is to be made with, in
// place of what it has in production.
type Setting struct {
	asidtest.Setting
	Resolver pointer.Resolver // the stored pointers, which differ from request to request
}

// TestGuard puts the handler of an NRL-like server to the test, which build makes
// as the server does, but with what is in the Setting, and with its own handler,
// behind all that checks, in [asidtest.Mark]. It sends the corpus's changes:
// creates, supersedes, updates and deletes of a provider's own pointers and of
// others', by id and by identifier, and some 300 bodies in JSON and XML, of STU3
// and R4. What the provider may change must come to the handler of Mark, and name
// the pointer that was judged, by its id in the path or by the [pointer.Decision]
// in its context; all else must not, and must be answered by the error table. A
// pointer of another organisation's may be answered as one that is not there
// (pointer.Guard.Disclose). It joins what goes wrong.
//
// Guards with RelativeReferences or TargetIsID are tested without.
func TestGuard(build func(Setting) http.Handler) error { return kit.Join(guardCases(build)) }

// RunGuard is TestGuard with a subtest for each case.
func RunGuard(t *testing.T, build func(Setting) http.Handler) {
	t.Helper()
	kit.Subtests(t, guardCases(build))
}

// A trial is a handler under test.
type trial struct {
	stage    *stage.Stage
	resolver *resolver
	handler  http.Handler
}

// A resolver has what the case says that is stored.
type resolver struct {
	answer atomic.Pointer[func(pointer.Query) (*pointer.Pointer, error)]
}

func (r *resolver) Resolve(_ context.Context, q pointer.Query) (*pointer.Pointer, error) {
	return (*r.answer.Load())(q)
}

func (r *resolver) set(answer func(pointer.Query) (*pointer.Pointer, error)) { r.answer.Store(&answer) }

// stored returns the pointers of a case.
func stored(c *testdata.Change) (MapResolver, error) {
	m := MapResolver{}
	for _, had := range c.Stored {
		p, err := pointer.Parse("application/fhir+json", []byte(had.Body))
		if err != nil {
			return nil, err
		}
		p.ID, p.Version, p.Status = had.ID, had.Version, had.Status
		m[p.ID] = p
	}
	return m, nil
}

func guardCases(build func(Setting) http.Handler) []kit.Case {
	t := &trial{stage: stage.New(), resolver: new(resolver)}
	t.resolver.set(MapResolver(nil).now)
	var self asid.ID
	var cases []kit.Case
	var create, remove *testdata.Change
	for _, c := range testdata.Cases() {
		// What only a store knows is not the guard's.
		if c.Change == nil || c.Change.Registry == "" || c.Rule == "nrl" || c.Change.Lookup != "" || c.Change.Method == http.MethodGet && c.Verdict == testdata.Refuse {
			continue
		}
		if self.IsZero() {
			self = asid.MustParseID(c.Change.Self)
		}
		if c.Verdict == testdata.Accept {
			switch {
			case create == nil && c.Change.Method == http.MethodPost:
				create = c.Change
			case remove == nil && c.Change.Method == http.MethodDelete:
				remove = c.Change
			}
		}
		cases = append(cases, kit.Case{Name: c.Name, Run: func() error { return t.change(c.Change, c.Rule) }})
	}
	for _, c := range testdata.Cases() {
		if c.Pointer != nil && (c.Verdict == testdata.Refuse || isCreate(c.Pointer)) {
			cases = append(cases, kit.Case{Name: c.Name, Run: func() error { return t.body(create, &c) }})
		}
	}
	t.handler = build(Setting{asidtest.Setting{Self: self, Registry: t.stage, Peers: t.stage, Time: t.stage.Time}, t.resolver})
	marked := *create
	marked.Body = "\ufeff" + create.Body
	cases = append(cases, kit.Case{Name: "body: a byte order mark in JSON", Run: func() error {
		t.resolver.set(MapResolver(nil).now)
		a, err := t.sent(&marked)
		if err != nil {
			return err
		}
		return a.Refused(stage.Row(outcome.InvalidMessage))
	}})
	return append(cases, t.resolverCases(remove)...)
}

func (m MapResolver) now(q pointer.Query) (*pointer.Pointer, error) {
	return m.Resolve(context.Background(), q)
}

// try sends the request of a change with a body.
func (t *trial) try(c *testdata.Change, body io.Reader, length int64, contentType string) (*stage.Answer, error) {
	r, err := t.stage.Request(&c.Request, "")
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(body), length
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return stage.Try(t.handler, r)
}

func (t *trial) sent(c *testdata.Change) (*stage.Answer, error) {
	if c.Body == "" {
		return t.try(c, nil, 0, "")
	}
	return t.try(c, strings.NewReader(c.Body), int64(len(c.Body)), "")
}

// change sends a change and compares what becomes of it.
func (t *trial) change(c *testdata.Change, rule string) error {
	pointers, err := stored(c)
	if err != nil {
		return err
	}
	t.resolver.set(pointers.now)
	a, err := t.sent(c)
	switch {
	case err != nil:
		return err
	case c.Status == 0:
		return passed(a, c)
	case rule == string(pointer.RuleRequest):
		return a.Unrouted(c.Request)
	}
	return a.Refused(rows(c, rule)...)
}

// rows returns what a change may be answered with: that a stored pointer is
// another organisation's need not be said.
func rows(c *testdata.Change, rule string) []testdata.Request {
	rows := []testdata.Request{c.Request}
	if rule == string(pointer.RuleOwner) && len(c.Stored) > 0 {
		if c.Method == http.MethodPost {
			return append(rows, stage.Row(outcome.WrongRelatesTo))
		}
		return append(rows, stage.Row(outcome.NoRecordFound))
	}
	return rows
}

// passed wants the request to have come to the handler, with the pointer that is
// to be changed.
func passed(a *stage.Answer, c *testdata.Change) error {
	if a.Reached == nil || c.Method == http.MethodGet {
		return a.Passed()
	}
	d, decided := pointer.DecisionFrom(a.Reached.Context())
	if c.Method == http.MethodPost {
		body, err := io.ReadAll(a.Reached.Body)
		if err != nil {
			return err
		}
		p, err := pointer.Parse(a.Reached.Header.Get("Content-Type"), body)
		if err != nil {
			return fmt.Errorf("the body that came to the handler: %w", err)
		}
		if decided && p.Custodian != d.Change.New.Custodian {
			return errors.New("the body that came to the handler is not the one that was judged")
		}
		if changed(c) == "" {
			return nil // a create
		}
	}
	want := changed(c)
	if decided && d.Stored != nil && d.Stored.ID == want {
		return nil
	}
	if c.Method != http.MethodPost && path.Base(a.Reached.URL.Path) == want && a.Reached.URL.RawQuery == "" {
		return nil
	}
	if c.Method == http.MethodPost && !decided {
		return nil // a server of another make says which one in a way of its own
	}
	return fmt.Errorf("what came to the handler does not name the pointer %s", want)
}

// changed returns the id of the stored pointer that a change changes, empty if it
// changes none.
func changed(c *testdata.Change) string {
	for _, had := range c.Stored {
		if now, ok := c.After[had.ID]; !ok || now != had.Status {
			return had.ID
		}
	}
	return ""
}

// isCreate reports whether a body is one that the sender of the corpus's changes
// may create: its own, and new.
func isCreate(p *testdata.Pointer) bool {
	return p.Custodian == "RR8" && p.RelatesTo == "" && p.Status == "current"
}

// body creates a pointer with the body of a case.
func (t *trial) body(create *testdata.Change, c *testdata.Case) error {
	t.resolver.set(MapResolver(nil).now)
	text := string(c.Pointer.Bytes())
	a, err := t.try(create, strings.NewReader(text), int64(len(text)), c.Pointer.ContentType)
	switch {
	case err != nil:
		return err
	case c.Verdict == testdata.Accept:
		return a.Passed()
	}
	row := outcome.InvalidMessage
	switch pointer.Rule(c.Rule) {
	case pointer.RuleResource:
		return t.invalid(a)
	case pointer.RuleMediaType:
		row = outcome.UnsupportedType
	}
	return a.Refused(stage.Row(row))
}

// invalid wants the answer INVALID_RESOURCE, whichever element it names.
func (t *trial) invalid(a *stage.Answer) error {
	row := stage.Row(outcome.WrongCustodian)
	if a.Reached == nil && a.Status == row.Status && strings.Contains(string(a.Body), `"`+row.Code+`"`) {
		return a.NotStored()
	}
	return a.Refused(row)
}

// tooLong is how long a body is that no server should read.
const tooLong = 64 << 20

// A blank is an endless one.
type blank struct{}

func (blank) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// resolverCases are those of a store that fails, and of a body that does not end.
func (t *trial) resolverCases(remove *testdata.Change) []kit.Case {
	asked := func(name string, answer func(m MapResolver, q pointer.Query) (*pointer.Pointer, error), rows ...testdata.Request) kit.Case {
		return kit.Case{Name: "store: " + name, Run: func() error {
			pointers, err := stored(remove)
			if err != nil {
				return err
			}
			t.resolver.set(func(q pointer.Query) (*pointer.Pointer, error) { return answer(pointers, q) })
			a, err := t.sent(remove)
			if err != nil {
				return err
			}
			return a.Refused(rows...)
		}}
	}
	failed, missing, foreign := stage.Row(outcome.InternalError), stage.Row(outcome.NoRecordFound), stage.Row(outcome.WrongCustodian)
	cases := []kit.Case{
		asked("it fails", func(MapResolver, pointer.Query) (*pointer.Pointer, error) {
			return nil, errors.New("the store is out of reach")
		}, failed),
		asked("it returns nothing at all", func(MapResolver, pointer.Query) (*pointer.Pointer, error) { return nil, nil }, failed),
		asked("it returns another pointer than was asked for", func(m MapResolver, q pointer.Query) (*pointer.Pointer, error) {
			p, err := m.now(q)
			if err != nil {
				return nil, err
			}
			other := *p
			other.ID = "another-id"
			return &other, nil
		}, failed),
		asked("it has several", func(MapResolver, pointer.Query) (*pointer.Pointer, error) { return nil, pointer.ErrAmbiguous }, missing),
		asked("a pointer without a custodian", func(m MapResolver, q pointer.Query) (*pointer.Pointer, error) {
			p, err := m.now(q)
			if err != nil {
				return nil, err
			}
			orphan := *p
			orphan.Custodian = asid.ODSCode{}
			return &orphan, nil
		}, missing, foreign),
	}
	long := *remove
	long.Method, long.Target = http.MethodPost, path.Dir(strings.SplitN(remove.Target, "?", 2)[0])
	return append(cases, kit.Case{Name: "body: of 64 MiB", Run: func() error {
		t.resolver.set(MapResolver(nil).now)
		read := &io.LimitedReader{R: blank{}, N: tooLong}
		a, err := t.try(&long, read, -1, "application/fhir+json")
		if err != nil {
			return err
		}
		if read.N == 0 {
			return errors.New("it was read to its end")
		}
		return a.Refused(stage.Row(outcome.InvalidMessage))
	}})
}
