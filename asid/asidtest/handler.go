// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/internal/stage"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A Setting is what a handler that is put to the test is to be made with, in
// place of what it has in production.
type Setting struct {
	Self     asid.ID          // its own ASID
	Registry asid.Registry    // who may do what
	Peers    asid.PeerSource  // who is at the other end
	Time     func() time.Time // the clock, which stands in January 2026
}

// Mark returns a handler that is to stand around the user's own, behind all
// that checks: by it [TestGate], [TestAuthorizer] and pointertest.TestGuard know
// how far their requests came. It answers these by 204 itself, so that they change
// nothing; all others go on to next.
func Mark(next http.Handler) http.Handler { return stage.Mark(next) }

// TestAuthorizer puts the handler of an NRL-like server to the test, which build
// makes as the server does, but with what is in the Setting, and with its own
// handler in [Mark]. It sends the corpus's requests, good and bad by one thing: by
// their headers, their token, their method and path, their ASID and interaction,
// their peer. What is good must come to the handler of Mark. What is bad must
// not, and must be answered by the error table, and not be stored by caches; a
// router before the check may answer paths and methods that it does not have by
// itself. It joins what goes wrong.
//
// The server checks tokens in full (asid.TokenAgreement, the default); one with
// Audience, RequireInteraction, TestIDs or a prefix to its paths is tested without.
func TestAuthorizer(build func(Setting) http.Handler) error { return kit.Join(authorizerCases(build)) }

// RunAuthorizer is TestAuthorizer with a subtest for each case.
func RunAuthorizer(t *testing.T, build func(Setting) http.Handler) {
	t.Helper()
	kit.Subtests(t, authorizerCases(build))
}

// A Route is a way to a provider's handlers.
type Route struct {
	Target      string             // path and query; empty: /records/1
	Interaction asid.InteractionID // that the SSP must name; empty: that of retrieving a record
}

// TestGate is TestAuthorizer for a provider behind the SSP: routes are its own,
// each of them, for one without the check is found only if it is named. None: that
// of the zero Route.
func TestGate(build func(Setting) http.Handler, routes ...Route) error {
	return kit.Join(gateCases(build, routes))
}

// RunGate is TestGate with a subtest for each case.
func RunGate(t *testing.T, build func(Setting) http.Handler, routes ...Route) {
	t.Helper()
	kit.Subtests(t, gateCases(build, routes))
}

// A trial is a handler under test.
type trial struct {
	stage   *stage.Stage
	handler http.Handler
}

func newTrial(self string, build func(Setting) http.Handler) *trial {
	s := stage.New()
	return &trial{s, build(Setting{Self: asid.MustParseID(self), Registry: s, Peers: s, Time: s.Time})}
}

// try sends a request that change has changed.
func (t *trial) try(c *testdata.Request, change func(*http.Request) *http.Request) (*stage.Answer, error) {
	r, err := t.stage.Request(c, "")
	if err != nil {
		return nil, err
	}
	if c.Version != "" { // the connection is another than the guidance wants
		if rule := peerRule(c); rule != "" {
			r = stage.RefusePeer(r, rule)
		}
	}
	if change != nil {
		r = change(r)
	}
	return stage.Try(t.handler, r)
}

// peerRule returns the rule by which a peer source refuses the peer of a case
// that is answered with ACCESS_DENIED_SSL.
func peerRule(c *testdata.Request) string {
	switch {
	case c.Status == 0:
		return ""
	case c.Version != "TLSv1.2":
		return "version"
	}
	return "suite"
}

// judge sends the request of a case and compares what becomes of it.
func (t *trial) judge(c *testdata.Request, rule string) error {
	a, err := t.try(c, nil)
	switch {
	case err != nil:
		return err
	case c.Status == 0:
		return a.Passed()
	case rule == string(asid.RuleRequest):
		return a.Unrouted(*c)
	}
	return a.Refused(*c)
}

// refused returns a case of a request that is refused whatever else is right.
func (t *trial) refused(name string, c *testdata.Request, row outcome.Case, change func(*http.Request) *http.Request) kit.Case {
	return kit.Case{Name: name, Run: func() error {
		a, err := t.try(c, change)
		if err != nil {
			return err
		}
		return a.Refused(stage.Row(row))
	}}
}

// peerCases are those of the other end of a good request.
func (t *trial) peerCases(prefix string, good *testdata.Request) []kit.Case {
	peer := func(rule string) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request { return stage.RefusePeer(r, rule) }
	}
	return []kit.Case{
		t.refused(prefix+"a peer whose FQDN is refused", good, outcome.AccessDenied, peer("fqdn")),
		t.refused(prefix+"a connection of another version", good, outcome.AccessDeniedSSL, peer("version")),
		t.refused(prefix+"a connection of another suite", good, outcome.AccessDeniedSSL, peer("suite")),
		t.refused(prefix+"a connection without TLS", good, outcome.AccessDenied, func(r *http.Request) *http.Request {
			r.TLS = nil
			return r
		}),
		{Name: prefix + "a peer that was revoked since the handshake", Run: func() error {
			a, err := t.try(good, peer("revocation"))
			if err != nil {
				return err
			}
			if err := a.Refused(stage.Row(outcome.AccessDenied)); err != nil {
				return err
			}
			if !strings.EqualFold(a.Header.Get("Connection"), "close") {
				return errors.New("the connection is not closed")
			}
			return nil
		}},
		{Name: prefix + "the request comes to the handler", Run: func() error {
			a, err := t.try(good, nil)
			if err != nil {
				return err
			}
			if a.Reached == nil {
				return fmt.Errorf("it came to no handler of asidtest.Mark, but was answered with %d: %.300s", a.Status, a.Body)
			}
			return nil
		}},
	}
}

func authorizerCases(build func(Setting) http.Handler) []kit.Case {
	var t *trial
	var good, unknown *testdata.Request
	var cases []kit.Case
	for _, c := range testdata.Cases() {
		if c.Request == nil || c.Request.Server != "nrl" || c.Request.Registry == "" {
			continue // in an outage a server may know the sender from before: see below
		}
		if t == nil {
			t = newTrial(c.Request.Self, build)
		}
		switch {
		case good == nil && c.Verdict == testdata.Accept:
			good = c.Request
		case c.Rule == string(asid.RuleASID):
			unknown = c.Request
		}
		cases = append(cases, kit.Case{Name: c.Name, Run: func() error { return t.judge(c.Request, c.Rule) }})
	}
	cases = append(cases, t.peerCases("nrl: ", good)...)
	return append(cases, kit.Case{Name: "nrl: a registry that is out of reach", Run: func() error {
		defer t.stage.Down()()
		// No cache has the answer.
		a, err := t.try(unknown, nil)
		if err != nil {
			return err
		}
		return a.Refused(stage.Row(outcome.Unavailable))
	}})
}
