// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

const retrieval = asid.DocumentReferenceContentRead

// A Route is a way to a provider's handlers.
type Route struct {
	Target      string             // path and query; empty: /records/1
	Interaction asid.InteractionID // that the SSP must name; empty: that of retrieving a record
}

func gateCases(build func(Setting) http.Handler, routes []Route) []kit.Case {
	if len(routes) == 0 {
		routes = []Route{{}}
	}
	var t *trial
	var cases []kit.Case
	for _, route := range routes {
		if route.Target == "" {
			route.Target = "/records/1"
		}
		if route.Interaction == "" {
			route.Interaction = retrieval
		}
		var good *testdata.Request
		for _, c := range testdata.Cases() {
			if c.Request == nil || c.Request.Server != "provider" || len(c.Request.Endpoints) > 0 || !route.concerns(&c) {
				continue // a handler has endpoints of its own
			}
			if t == nil {
				t = newTrial(c.Request.Self, build)
			}
			request := route.of(c.Request)
			if good == nil && c.Verdict == testdata.Accept {
				good = request
			}
			cases = append(cases, kit.Case{Name: route.Target + ": " + c.Name, Run: func() error { return t.judge(request, c.Rule) }})
		}
		prefix := route.Target + ": provider: "
		cases = append(cases, t.peerCases(prefix, good)...)
		names := []string{"Ssp-From", "Ssp-To", "Ssp-InteractionID", "Ssp-TraceID"}
		for _, name := range names {
			cases = append(cases, t.refused(prefix+name+" again with an underscore", good, outcome.InvalidHeader, func(r *http.Request) *http.Request {
				r.Header[strings.Replace(http.CanonicalHeaderKey(name), "-", "_", 1)] = r.Header.Values(name)
				return r
			}))
		}
		cases = append(cases, t.droppedCases(prefix, good, names...)...)
		cases = append(cases, t.lenientCases(prefix, good, "Ssp-From", "Ssp-To")...)
		cases = append(cases, t.formCases(prefix, good)...)
		cases = append(cases, kit.Case{Name: prefix + "a record is not stored by caches", Run: func() error {
			a, err := t.try(good, nil)
			if err != nil {
				return err
			}
			return a.NotStored()
		}})
		if route.Interaction == retrieval {
			head := *good
			head.Method = http.MethodHead
			cases = append(cases, kit.Case{Name: prefix + "a HEAD of a record", Run: func() error { return t.judge(&head, "") }})
		}
	}
	return cases
}

// concerns reports whether a case, which is about retrieving a record, says
// something of another interaction too.
func (r Route) concerns(c *testdata.Case) bool {
	if r.Interaction == retrieval {
		return true
	}
	if c.Rule == string(asid.RuleRequest) {
		return false
	}
	for _, h := range c.Request.Headers {
		if h[1] == string(r.Interaction) {
			return false // it is the wrong one there
		}
	}
	return true
}

// of returns the request of a case by this route.
func (r Route) of(c *testdata.Request) *testdata.Request {
	request := *c
	request.Target = r.Target
	request.Headers = nil
	for _, h := range c.Headers {
		if h[1] == string(retrieval) {
			h[1] = string(r.Interaction)
		}
		request.Headers = append(request.Headers, h)
	}
	return &request
}

// formCases are those of the corpus's tokens that no gate can take, however
// little of a token it checks.
func (t *trial) formCases(prefix string, good *testdata.Request) []kit.Case {
	var cases []kit.Case
	for _, c := range testdata.Cases() {
		if c.Request == nil || c.Request.Server != "nrl" || c.Rule != string(asid.RuleToken) {
			continue
		}
		values := authorizations(c.Request)
		if len(values) == 1 {
			scheme, token, _ := strings.Cut(values[0], " ")
			if _, err := asid.ParseToken(strings.TrimSpace(token)); err == nil && strings.EqualFold(scheme, "Bearer") {
				continue // its form is right
			}
		}
		cases = append(cases, t.refused(prefix+"as at an NRL, "+c.Name, good, outcome.InvalidToken, func(r *http.Request) *http.Request {
			r.Header["Authorization"] = values
			return r
		}))
	}
	return cases
}

func authorizations(c *testdata.Request) (values []string) {
	for _, h := range c.Headers {
		if strings.EqualFold(h[0], "Authorization") {
			values = append(values, h[1])
		}
	}
	return values
}
