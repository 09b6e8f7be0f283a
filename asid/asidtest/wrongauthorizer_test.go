// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func TestEachWrongAuthorizerIsCaught(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("tests a wrong authorizer for each mistake")
	}
	good, _ := goodHeaders(t)
	check := func(s asidtest.Setting) func(http.Handler) http.Handler { return authorizer(s).Middleware }
	wrongs := common(check)
	for name, w := range headerFaults(check, good, []string{"Fromasid", "Toasid"}, []string{"Authorization"}) {
		wrongs[name] = w
	}
	add := func(name string, change func(*http.Request)) {
		wrongs[name] = func(s asidtest.Setting) http.Handler { return before(check(s)(asidtest.Mark(records)), change) }
	}
	with := func(name string, change func(*asid.Authorizer, asidtest.Setting)) {
		wrongs[name] = func(s asidtest.Setting) http.Handler {
			a := authorizer(s)
			change(a, s)
			return a.Middleware(asidtest.Mark(records))
		}
	}
	directory := func(name string, f registry) {
		with(name, func(a *asid.Authorizer, s asidtest.Setting) { a.Registry = f.over(s.Registry) })
	}
	systems := func(name string, change func(*asid.System)) {
		directory(name, func(_ asid.ID, inner func() (*asid.System, error)) (*asid.System, error) {
			s, err := inner()
			if err != nil {
				return nil, err
			}
			changed := *s
			change(&changed)
			return asid.NewSystem(changed)
		})
	}
	add("any receiver", func(r *http.Request) {
		if id, err := asid.ParseID(r.Header.Get("toASID")); err == nil && !id.IsZero() && len(r.Header.Values("toASID")) == 1 {
			r.Header.Set("toASID", good.Get("toASID"))
		}
	})
	add("the claimed interaction is not compared", func(r *http.Request) { r.Header.Del("InteractionID") })
	add("any paths", func(r *http.Request) {
		if _, err := asid.InteractionOf(r); err != nil && r.Method == http.MethodGet {
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/STU3/DocumentReference/1", "", ""
		}
	})
	add("paths without case", func(r *http.Request) {
		r.URL.Path = strings.Replace(r.URL.Path, "documentreference", "DocumentReference", 1)
	})
	add("paths that are cleaned", func(r *http.Request) {
		r.URL.Path = strings.ReplaceAll(strings.ReplaceAll(r.URL.Path, "//", "/"), "/x/..", "")
	})
	add("method overrides are not looked at", func(r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(strings.ReplaceAll(name, "_", "-"), "X-") {
				delete(r.Header, name)
			}
		}
	})
	add("_method is not looked at", func(r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "_method") {
			r.URL.RawQuery = ""
		}
	})
	add("upgrades are not looked at", func(r *http.Request) {
		r.Header.Del("Connection")
		r.Header.Del("Upgrade")
	})
	with("short ASIDs", func(a *asid.Authorizer, _ asidtest.Setting) { a.TestIDs = true })
	with("the form of tokens alone", func(a *asid.Authorizer, _ asidtest.Setting) { a.Tokens = asid.TokenForm })
	with("a clock of its own", func(a *asid.Authorizer, _ asidtest.Setting) { a.Time = nil })
	with("no tolerance between clocks", func(a *asid.Authorizer, _ asidtest.Setting) { a.MaxSkew = -1 })
	with("an hour between clocks", func(a *asid.Authorizer, _ asidtest.Setting) { a.MaxSkew = 3600e9 })
	with("an interaction ID that is not optional", func(a *asid.Authorizer, _ asidtest.Setting) { a.RequireInteraction = true })
	with("an empty registry", func(a *asid.Authorizer, _ asidtest.Setting) { a.Registry = new(asid.Memory) })
	systems("every system may do everything", func(s *asid.System) {
		s.Interactions = []asid.InteractionID{asid.DocumentReferenceRead, asid.DocumentReferenceSearch,
			asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete}
	})
	systems("who may read may search only", func(s *asid.System) {
		s.Interactions = slices.DeleteFunc(slices.Clone(s.Interactions), func(id asid.InteractionID) bool { return id == asid.DocumentReferenceRead })
	})
	systems("any certificate of the Spine is every system's", func(s *asid.System) {
		s.FQDNs = append(slices.Clone(s.FQDNs), "maintainer.corpus.nhs.uk", "consumer.corpus.nhs.uk", "unregistered.corpus.nhs.uk", "a.consumer.corpus.nhs.uk")
		slices.Sort(s.FQDNs)
		s.FQDNs = slices.Compact(s.FQDNs)
	})
	systems("the second name does not count", func(s *asid.System) { s.FQDNs = s.FQDNs[:1] })
	systems("another organisation's", func(s *asid.System) { s.ODS = []asid.ODSCode{ods("X26")} })
	directory("an outage makes ASIDs unknown", func(_ asid.ID, inner func() (*asid.System, error)) (*asid.System, error) {
		s, err := inner()
		if err != nil {
			err = asid.ErrNotFound
		}
		return s, err
	})
	directory("an unknown ASID is an outage", func(_ asid.ID, inner func() (*asid.System, error)) (*asid.System, error) {
		s, err := inner()
		if err != nil {
			err = errors.New("no such object")
		}
		return s, err
	})
	directory("the first answer is that to all", func() registry {
		var known *asid.System
		return func(_ asid.ID, inner func() (*asid.System, error)) (*asid.System, error) {
			if known != nil {
				return known, nil
			}
			s, err := inner()
			known = s
			return s, err
		}
	}())
	for name, build := range wrongs {
		assert.Error(t, asidtest.TestAuthorizer(build), name)
	}
}
