// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
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

// droppedCases are good requests whose Connection names a header that counts: a proxy
// behind the server would not pass it on (RFC 9110 section 7.6.1).
func (t *trial) droppedCases(prefix string, good *testdata.Request, names ...string) []kit.Case {
	var cases []kit.Case
	for _, name := range append(names, "Authorization") {
		row := outcome.InvalidHeader
		if name == "Authorization" {
			row = outcome.InvalidToken
		}
		cases = append(cases, t.refused(prefix+name+" that Connection names", good, row, func(r *http.Request) *http.Request {
			r.Header.Set("Connection", "close, "+name)
			return r
		}))
	}
	return cases
}

// lenientCases are a good request's values as lenient readers take them: an ASID as
// a number or the first of a list, a token in the alphabet of RFC 4648 section 4
// instead of 5, or behind another scheme.
func (t *trial) lenientCases(prefix string, good *testdata.Request, names ...string) []kit.Case {
	edited := func(what, name string, row outcome.Case, edit func(string) string) kit.Case {
		return t.refused(prefix+what, good, row, func(r *http.Request) *http.Request {
			r.Header.Set(name, edit(r.Header.Get(name)))
			return r
		})
	}
	var cases []kit.Case
	for _, name := range names {
		cases = append(cases,
			edited(name+" with a sign before it", name, outcome.InvalidHeader, func(v string) string { return "+" + v }),
			edited(name+" as the first of a list", name, outcome.InvalidHeader, func(v string) string { return v + "," + v }),
			edited(name+" with a digit behind it", name, outcome.InvalidHeader, func(v string) string { return v + "0" }))
	}
	return append(cases,
		edited("a token in the other alphabet of base64", "Authorization", outcome.InvalidToken, otherAlphabet),
		edited("a scheme before the scheme", "Authorization", outcome.InvalidToken, func(v string) string { return "Basic Og==, " + v }))
}

// otherAlphabet gives a token a claim of no meaning whose base64 differs between the
// two alphabets, and writes it in the wrong one.
func otherAlphabet(authorization string) string {
	head, rest, _ := strings.Cut(authorization, ".")
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(rest, "."))
	if err != nil {
		return authorization
	}
	payload = append([]byte(`{"note":"???>>>~~~",`), payload[1:]...)
	return head + "." + base64.RawStdEncoding.EncodeToString(payload) + "."
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
