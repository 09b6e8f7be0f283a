// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func seed(f *testing.F, format string, names ...string) {
	for _, name := range names {
		for _, version := range []string{"stu3", "r4"} {
			f.Add([]byte(load(f, name, version, format).text))
		}
	}
}

// sound checks what must hold of any pointer that was read.
func sound(t *testing.T, p *pointer.Pointer, err error) bool {
	if err != nil {
		assert.Nil(t, p)
		assertRule(t, err, bodyRules...)
		return false
	}
	for _, s := range []string{p.ID, p.Version, p.Status, p.Subject, p.MasterIdentifier.System, p.MasterIdentifier.Value} {
		assert.Equal(t, strings.TrimSpace(s), s)
	}
	return true
}

// fuzzParse gives bodies to Parse, and those that it takes to look.
func fuzzParse(f *testing.F, format string, look func(t *testing.T, body []byte, p *pointer.Pointer)) {
	seed(f, format, "create", "supersede-reference", "supersede-identifier", "supersede-both")
	for _, m := range mutants(f, format, 100) {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, err := pointer.Parse("application/fhir+"+format, body); sound(t, p, err) {
			look(t, body, p)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	fuzzParse(f, "json", func(t *testing.T, body []byte, p *pointer.Pointer) {
		var doc struct {
			ID, Status string
			Custodian  struct {
				Reference  string
				Identifier struct{ System, Value string }
			}
			RelatesTo []any
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatalf("encoding/json refuses what the guard accepts: %v", err)
		}
		assert.Equal(t, p.Custodian.String(), custodianSeen{doc.Custodian.Reference, doc.Custodian.Identifier.System, doc.Custodian.Identifier.Value}.code())
		assert.Equal(t, p.ID, doc.ID)
		assert.Equal(t, p.Status, doc.Status)
		assert.Len(t, doc.RelatesTo, len(p.RelatesTo))
	})
}

func FuzzParseXML(f *testing.F) {
	fuzzParse(f, "xml", func(t *testing.T, body []byte, p *pointer.Pointer) {
		type value struct {
			Value string `xml:"value,attr"`
		}
		var doc struct {
			ID         []value `xml:"id"`
			Status     []value `xml:"status"`
			Custodians []struct {
				Reference  []value `xml:"reference"`
				Identifier []value `xml:"identifier>value"`
			} `xml:"custodian"`
			RelatesTo []struct{} `xml:"relatesTo"`
		}
		if err := xml.Unmarshal(body, &doc); err != nil {
			t.Fatalf("encoding/xml refuses what the guard accepts: %v", err)
		}
		only := func(list []value) string {
			if len(list) == 0 {
				return ""
			}
			assert.Len(t, list, 1)
			return list[0].Value
		}
		assert.Equal(t, p.ID, only(doc.ID))
		assert.Equal(t, p.Status, only(doc.Status))
		assert.Len(t, doc.RelatesTo, len(p.RelatesTo))
		if len(doc.Custodians) == 0 {
			assert.True(t, p.Custodian.IsZero())
			return
		}
		assert.Len(t, doc.Custodians, 1)
		c := doc.Custodians[0]
		assert.Equal(t, p.Custodian.String(), custodianSeen{Reference: only(c.Reference), Value: only(c.Identifier)}.code())
	})
}

// guarded sends body through a guard and reports whether it passed.
func guarded(t *testing.T, method, target, contentType string, body []byte) *pointer.Decision {
	guard := &pointer.Guard{Resolver: stored(t)}
	r := httptest.NewRequest(method, "/STU3/DocumentReference", strings.NewReader(string(body)))
	r.RequestURI = target
	u, err := r.URL.Parse(target)
	if err != nil || u.Host != r.URL.Host {
		return nil
	}
	r.URL = u
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w, h := httptest.NewRecorder(), new(handler)
	guard.Middleware(h).ServeHTTP(w, r.WithContext(asid.NewContext(r.Context(), callerOf(t, "A81001"))))
	if !h.called {
		assert.GreaterOrEqual(t, w.Code, 400)
		assert.Less(t, w.Code, 500, w.Body.String())
		return nil
	}
	assert.Equal(t, string(body), string(h.body))
	return h.decision
}

func FuzzUpdate(f *testing.F) {
	for _, format := range []string{"json", "xml"} {
		for _, version := range []string{"stu3", "r4"} {
			f.Add(format == "xml", []byte(load(f, "update", version, format).text))
		}
	}
	f.Fuzz(func(t *testing.T, isXML bool, body []byte) {
		contentType := "application/fhir+json"
		if isXML {
			contentType = "application/fhir+xml"
		}
		if guarded(t, http.MethodPatch, "/STU3/DocumentReference/"+oldID, contentType, body) == nil {
			return
		}
		for _, must := range []string{"replace", "DocumentReference.status", "entered-in-error"} {
			if !strings.Contains(string(body), must) && !strings.ContainsAny(string(body), `\&`) {
				t.Errorf("an update that does not say %s", must)
			}
		}
	})
}

// Whatever path and query are, what passes is about a pointer of the caller's.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		collection + "/" + oldID, collection + "?_id=" + oldID, collection + "/theirs",
		collection + queryString("subject", patient, "identifier", oldIdentifier.System+"|"+oldIdentifier.Value),
		collection + "/" + oldID + "?_format=json", "/STU3/x/../DocumentReference/" + oldID,
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
			return
		}
		d := guarded(t, http.MethodDelete, target, "", nil)
		if d == nil {
			return
		}
		assert.NoError(t, pointer.Owns(callerOf(t, "A81001"), d.Stored))
		assert.True(t, d.Change.Target.Matches(d.Stored))
	})
}
