// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

func TestWhatIsNoChangeOfOnePointer(t *testing.T) {
	t.Parallel()
	create := load(t, "create", "stu3", "json").text
	byName := queryString("subject", patient, "identifier", oldIdentifier.System+"|"+oldIdentifier.Value)
	post := func(change func(*http.Request)) *http.Request {
		r := request("POST", collection, "application/fhir+json", create)
		change(r)
		return r
	}
	body := func(text io.Reader, said int) func(*http.Request) {
		return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(text), int64(said) }
	}
	for name, r := range map[string]*http.Request{
		"a delete with an unknown parameter":    request("DELETE", collection+"/"+oldID+"?x=y", "", ""),
		"a delete with a parameter of a search": request("DELETE", collection+"/"+oldID+byName, "", ""),
		"a delete of other resources":           request("DELETE", "/STU3/Patient"+byName, "", ""),
		"an update of other resources":          request("PATCH", "/STU3/Patient"+byName, "application/fhir+json", updates[false]),
		"a Content-Type without a value":        post(func(r *http.Request) { r.Header["Content-Type"] = nil }),
		"a Content-Type in another spelling": post(func(r *http.Request) {
			r.Header["Content_type"] = r.Header["Content-Type"]
			delete(r.Header, "Content-Type")
		}),
		"no body":                                       post(func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }),
		"an empty body":                                 post(func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }),
		"more behind the length":                        post(body(strings.NewReader(create+" "), len(create))),
		"a failure behind the length":                   post(body(io.MultiReader(strings.NewReader(create), failing{}), len(create))),
		"a failure behind a body of unknown length":     post(body(io.MultiReader(strings.NewReader(create), failing{}), -1)),
		"an If-Match that does not end":                 ifMatch(oldID, `"3x`),
		"an If-Match that does not begin":               ifMatch(oldID, `x3"`),
		"a masterIdentifier that has syntax, by system": request("POST", collection, "application/fhir+json", strings.Replace(create, "urn:ietf:rfc:3986", "urn:a|b", 1)),
	} {
		w, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
		assert.False(t, h.called, name)
		assert.GreaterOrEqual(t, w.Code, 400, name)
		assert.Less(t, w.Code, 500, name)
	}
	// A body of known length has the same bound.
	_, h := send(t, &pointer.Guard{Resolver: stored(t), MaxBytes: int64(len(create)) - 1}, post(func(*http.Request) {}))
	assert.False(t, h.called)
	var refused error
	guard := &pointer.Guard{Resolver: stored(t), ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { refused = err }}
	send(t, guard, request("DELETE", collection+"/"+oldID+"?x=y", "", ""))
	e, ok := errors.AsType[*pointer.ChangeError](refused)
	require.True(t, ok)
	assert.Equal(t, pointer.Delete, e.Action)
}

func ifMatch(id, value string) *http.Request {
	r := request("DELETE", collection+"/"+id, "", "")
	r.Header.Set("If-Match", value)
	return r
}

func TestHeadersAboutABodyThatIsRewrittenDoNotGoOn(t *testing.T) {
	t.Parallel()
	whole := load(t, "supersede-both", "stu3", "json").text
	assigned := load(t, "create", "stu3", "json").text
	plain := strings.NewReplacer(`"versionId": "1",`, "", `"lastUpdated": "2026-02-03T10:15:00+00:00",`, "").Replace(assigned)
	for body, rewritten := range map[string]bool{whole: true, assigned: true, plain: false} {
		r := request("POST", collection, "application/fhir+json", body)
		if body == whole {
			r.Header.Set("If-Match", `W/"3"`)
		}
		r.Header["Content_md5"] = []string{"x"}
		r.Header.Set("Digest", "x")
		r.Header.Set("Repr-Digest", "x")
		r.Header.Set("Content-Length", "1")
		before := r.Header.Clone()
		w, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
		require.True(t, h.called, w.Body)
		assert.Equal(t, before, r.Header, "the request as it came is left alone")
		assert.Empty(t, h.request.Header["If-Match"], "the guard has judged it")
		for _, name := range []string{"Content_md5", "Digest", "Repr-Digest"} {
			assert.Equal(t, rewritten, len(h.request.Header[name]) == 0, name)
		}
		if rewritten {
			assert.Empty(t, h.request.Header["Content-Length"])
		}
	}
}

func TestWhatAGuardAsksAndBelieves(t *testing.T) {
	t.Parallel()
	caller := callerOf(t, "A81001")
	own := func() *pointer.Pointer {
		return &pointer.Pointer{Version: "9", Custodian: ods(t, "A81001"), Status: "current", Subject: patient, MasterIdentifier: newIdentifier}
	}
	none := resolverFunc(func(context.Context, pointer.Query) (*pointer.Pointer, error) {
		t.Error("the resolver is asked about nothing")
		return nil, errors.New("x")
	})
	for _, change := range []func(*pointer.Pointer){
		func(p *pointer.Pointer) { p.MasterIdentifier = pointer.Identifier{} }, func(p *pointer.Pointer) { p.Subject = "" },
	} {
		p := own()
		change(p)
		_, err := (&pointer.Guard{Resolver: none}).Authorize(t.Context(), caller, pointer.Change{Action: pointer.Create, New: p})
		assert.NoError(t, err)
	}
	d, err := (&pointer.Guard{Resolver: stored(t)}).Authorize(t.Context(), caller, pointer.Change{Action: pointer.Create, New: own()})
	require.NoError(t, err)
	assert.Empty(t, d.Change.New.Version, "a version alone is the sender's invention, too")
	_, err = (&pointer.Guard{Resolver: stored(t)}).Authorize(t.Context(), caller, pointer.Change{Target: pointer.Query{ID: oldID}})
	assertRule(t, err, pointer.RuleInteraction)
	_, err = (&pointer.Decision{}).Again(t.Context())
	assert.Error(t, err, "a decision that no guard has made")

	remove := pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: oldID}}
	for answer, rule := range map[error]pointer.Rule{
		errors.New("x"): pointer.RuleResolver,
		&pointer.ChangeError{Rule: pointer.RuleOwner}:       pointer.RuleResolver,
		&pointer.ChangeError{Rule: pointer.RuleUnavailable}: pointer.RuleUnavailable,
	} {
		guard := &pointer.Guard{Resolver: resolverFunc(func(context.Context, pointer.Query) (*pointer.Pointer, error) {
			return stored(t)[oldID], answer // a pointer beside an error is none
		})}
		_, err := guard.Authorize(t.Context(), caller, remove)
		assertRule(t, err, rule)
		e, _ := errors.AsType[*pointer.ChangeError](err)
		assert.Equal(t, pointer.Delete, e.Action)
	}
	// A pointer of no patient is not replaced by one of none.
	old := *stored(t)[oldID]
	old.Subject = ""
	fresh := replacing(t, pointer.Query{ID: oldID})
	fresh.Subject = ""
	_, err = (&pointer.Guard{Resolver: pointertest.MapResolver{oldID: &old}}).Authorize(t.Context(), caller, pointer.Change{Action: pointer.Supersede, New: fresh})
	assertRule(t, err, pointer.RuleRelatesTo)

	assert.Error(t, pointer.Owns(&asid.Caller{}, own()))
	assert.Error(t, pointer.Owns(&asid.Caller{System: &asid.System{ODS: []asid.ODSCode{{}}}}, &pointer.Pointer{}), "no organisation is not an organisation")
}
