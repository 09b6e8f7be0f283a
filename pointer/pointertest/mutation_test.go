// SPDX-License-Identifier: Apache-2.0

package pointertest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

const mine = "/Organization/RR8"

var wrongGuards = map[string]wrongHandler{
	"no guard": func(s pointertest.Setting) http.Handler {
		authorizer, _ := locator(s)
		return authorizer.Middleware(asidtest.Mark(store))
	},
	"no authorizer": func(s pointertest.Setting) http.Handler {
		_, guard := locator(s)
		return guard.Middleware(asidtest.Mark(store))
	},
	"the guard before the authorizer": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		return guard.Middleware(authorizer.Middleware(asidtest.Mark(store)))
	},
	"the handler before the guard": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		return authorizer.Middleware(asidtest.Mark(guard.Middleware(store)))
	},
	"refused, but handled all the same": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		guarded := guard.Middleware(asidtest.Mark(store))
		return authorizer.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			guarded.ServeHTTP(w, r)
			asidtest.Mark(store).ServeHTTP(httptest.NewRecorder(), r)
		}))
	},
	"nothing is marked": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		return authorizer.Middleware(guard.Middleware(store))
	},
	"the handler gets the request as it came": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		return authorizer.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			guard.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asidtest.Mark(store).ServeHTTP(w, r) })).ServeHTTP(w, r)
		}))
	},
	"the handler gets no body": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		return authorizer.Middleware(guard.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.NoBody
			asidtest.Mark(store).ServeHTTP(w, r)
		})))
	},
	"creates are not guarded": unguarded(http.MethodPost),
	"updates are not guarded": unguarded(http.MethodPatch),
	"deletes are not guarded": unguarded(http.MethodDelete),
	"reads are refused": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		guarded := guard.Middleware(asidtest.Mark(store))
		return authorizer.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				http.Error(w, "no", http.StatusBadRequest)
				return
			}
			guarded.ServeHTTP(w, r)
		}))
	},
	"no resolver":            guarding(func(g *pointer.Guard) { g.Resolver = nil }),
	"bodies of any length":   guarding(func(g *pointer.Guard) { g.MaxBytes = 1 << 30 }),
	"bodies of 100 octets":   guarding(func(g *pointer.Guard) { g.MaxBytes = 100 }),
	"relative references":    guarding(func(g *pointer.Guard) { g.RelativeReferences = true }),
	"targets by another way": guarding(func(g *pointer.Guard) { g.TargetIsID = true }),

	"every stored pointer is the caller's": resolving(func(_ pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if p != nil {
			p.Custodian, _ = asid.ParseODSCode("RR8")
		}
		return p, err
	}),
	"stored pointers without a custodian": found(func(p *pointer.Pointer) { p.Custodian = asid.ODSCode{} }),
	"any status":                          found(func(p *pointer.Pointer) { p.Status = "current" }),
	"any version":                         dropped("If-Match"),
	"any patient and identifier": resolving(func(q pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if p != nil && q.ID != "" {
			p.Subject, p.MasterIdentifier = "", pointer.Identifier{}
		}
		return p, err
	}),
	"an outage is an absence": resolving(func(_ pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if err != nil {
			err = pointer.ErrNotFound
		}
		return p, err
	}),
	"an absence is an outage": resolving(func(_ pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if err != nil {
			err = errors.New("no rows")
		}
		return p, err
	}),
	"nothing at all is an absence": resolving(func(_ pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if p == nil {
			err = pointer.ErrNotFound
		}
		return p, err
	}),
	"whatever the store finds is what was asked for": resolving(func(q pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if p != nil && q.ID != "" {
			p.ID = q.ID
		}
		return p, err
	}),
	"duplicates are not looked for": resolving(func(q pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
		if q.ID == "" {
			return nil, pointer.ErrNotFound
		}
		return p, err
	}),
	"the first answer of the store is that to all": func(s pointertest.Setting) http.Handler {
		var known *pointer.Pointer
		return resolving(func(_ pointer.Query, p *pointer.Pointer, err error) (*pointer.Pointer, error) {
			if known != nil {
				return known, nil
			}
			known = p
			return p, err
		})(s)
	},

	"any custodian of new pointers": rewritten(func(_ *http.Request, body string) string {
		if i := strings.Index(body, "custodian"); i >= 0 {
			return body[:i] + regexp.MustCompile(`/Organization/[A-Za-z0-9]+`).ReplaceAllString(body[i:], mine)
		}
		return body
	}),
	"a custodian whose code begins with the own": replaced(`/Organization/RR8[A-Z0-9]+`, mine),
	"the author counts, too": rewritten(func(_ *http.Request, body string) string {
		if i := strings.Index(body, "author"); i >= 0 && strings.Contains(body[i:i+150], mine) {
			return regexp.MustCompile(`/Organization/[A-Za-z0-9]+`).ReplaceAllString(body, mine)
		}
		return body
	}),
	"codes in small letters are another's": rewritten(func(_ *http.Request, body string) string {
		return strings.ReplaceAll(body, "/Organization/rr8", "/Organization/ZZ9")
	}),
	"custodians on any host":        replaced(`directory\.example\.nhs\.uk`, "directory.spineservices.nhs.uk"),
	"custodians over http":          replaced(`http://directory`, "https://directory"),
	"custodians with a query":       replaced(`RR8\?x=RXA`, "RR8"),
	"custodians with a fragment":    replaced(`RR8#RXA`, "RR8"),
	"custodians with a version":     replaced(`RR8/_history/1`, "RR8"),
	"custodians with dot segments":  replaced(`RXA/\.\./RR8`, "RR8"),
	"custodians with several codes": replaced(`RR8,RXA`, "RR8"),
	"custodians with blanks":        replaced(`Organization/RR8 +`, "Organization/RR8"),
	"custodians of any type":        replaced(`Practitioner/RR8`, "Organization/RR8"),
	"custodians by their display":   replaced(`"custodian":\s*\{"display":"RR8"\}`, `"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RR8"}`),
	"custodians as text":            replaced(`"custodian":\s*"RR8"`, `"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RR8"}`),
	"identifiers of any system":     replaced(`Id/ods-site-code`, "Id/ods-organization-code"),
	"commas behind the last":        replaced(`,\s*\}`, "}"),
	"comments":                      replaced(`/\*.*?\*/`, ""),
	"an array around the resource":  replaced(`(?s)^\[(.*)\]$`, "$1"),
	"what is behind the resource": rewritten(func(_ *http.Request, body string) string {
		var first json.RawMessage
		if json.NewDecoder(strings.NewReader(body)).Decode(&first) != nil {
			return body
		}
		return string(first)
	}),

	"JSON names twice, and what is behind": rewritten(lastWins),
	"a byte order mark":                    replaced("^\ufeff", ""),
	"names in other letters":               replaced(`"(Custodian|CUSTODIAN)":\s*\{[^}]*\},?`, ""),
	"contained resources":                  replaced(`"contained":\s*\[[^\]]*\],`, ""),
	"implicit rules":                       replaced(`"implicitRules":\s*"[^"]*",`, ""),
	"modifier extensions":                  replaced(`"modifierExtension":\s*\[[^\]]*\],?`, ""),
	"XML document types":                   replaced(`<!DOCTYPE[^>]*>`, ""),
	"XML comments and instructions":        replaced(`<\?[^?]*\?>`, ""),
	"invalid UTF-8":                        rewritten(func(_ *http.Request, body string) string { return strings.ToValidUTF8(body, "?") }),
	"supersedes are creates":               replaced(`"relatesTo":\s*\[.*?\}\}?\],`, ""),
	"any code of relatesTo":                replaced(`(transforms|signs|appends)`, "replaces"),
	"any update": rewritten(func(r *http.Request, body string) string {
		if r.Method == http.MethodPatch {
			r.Header.Set("Content-Type", "application/fhir+json")
			return goodUpdate
		}
		return body
	}),
	"any Content-Type": before(func(r *http.Request) {
		if r.Method == http.MethodPost {
			head := make([]byte, 1)
			n, _ := io.ReadFull(r.Body, head)
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(head[:n]), r.Body))
			r.Header.Set("Content-Type", map[bool]string{true: "application/fhir+xml", false: "application/fhir+json"}[string(head) == "<"])
		}
	}),
	"of several Content-Types the first": before(func(r *http.Request) {
		if v := r.Header.Values("Content-Type"); len(v) > 1 {
			r.Header.Set("Content-Type", v[0])
		}
	}),
	"any charset": before(func(r *http.Request) {
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		r.Header.Set("Content-Type", kind)
	}),
	"compressed bodies": dropped("Content-Encoding"),
	"any Accept":        dropped("Accept"),
	"any _format":       query(func(v map[string][]string) { delete(v, "_format") }),
	"If-None-Match":     dropped("If-None-Match"),
	"conditional create": func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		right := authorizer.Middleware(guard.Middleware(asidtest.Mark(store)))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-None-Exist")
			right.ServeHTTP(w, r)
		})
	},
	"parameters of a create": before(func(r *http.Request) {
		if r.Method == http.MethodPost {
			r.URL.RawQuery = ""
		}
	}),
	"unknown parameters": query(func(v map[string][]string) {
		for name := range v {
			if name != "_id" && name != "subject" && name != "identifier" && name != "_format" {
				delete(v, name)
			}
		}
	}),
	"of several parameters the first": query(func(v map[string][]string) {
		for name := range v {
			v[name] = v[name][:1]
		}
	}),
	"of two ids the first": query(func(v map[string][]string) {
		for i, id := range v["_id"] {
			v["_id"][i], _, _ = strings.Cut(id, ",")
		}
	}),
	"parameters beside an id": before(func(r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/DocumentReference") {
			r.URL.RawQuery = ""
		}
	}),
	"_id beside the others": query(func(v map[string][]string) {
		if len(v["_id"]) > 0 {
			delete(v, "subject")
			delete(v, "identifier")
		}
	}),
	"an update by _id": before(func(r *http.Request) {
		if id := r.URL.Query().Get("_id"); r.Method == http.MethodPatch && id != "" {
			r.URL.Path, r.URL.RawQuery = r.URL.Path+"/"+id, ""
		}
	}),
	"a body of a delete": before(func(r *http.Request) {
		if r.Method == http.MethodDelete {
			r.Body, r.ContentLength = http.NoBody, 0
		}
	}),
	"refusals are answered by 200":        answering(func(a *httptest.ResponseRecorder) { a.Code = http.StatusOK }),
	"refusals are answered by 403":        answering(func(a *httptest.ResponseRecorder) { a.Code = http.StatusForbidden }),
	"refusals are answered by 500":        answering(func(a *httptest.ResponseRecorder) { a.Code = http.StatusInternalServerError }),
	"refusals are answered in plain text": answering(func(a *httptest.ResponseRecorder) { a.Body = bytes.NewBufferString("no") }),
	"refusals may be stored":              answering(func(a *httptest.ResponseRecorder) { a.Header().Del("Cache-Control") }),
	"a refusal panics":                    answering(func(*httptest.ResponseRecorder) { panic("no") }),
	"refusals have another code": answering(func(a *httptest.ResponseRecorder) {
		a.Body = bytes.NewBufferString(strings.ReplaceAll(a.Body.String(), "INVALID_RESOURCE", "BAD_REQUEST"))
	}),
	"another's pointer is answered by 403": answering(func(a *httptest.ResponseRecorder) {
		if a.Code == http.StatusNotFound {
			a.Code = http.StatusForbidden
		}
	}),
}

const goodUpdate = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},` +
	`{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueString":"entered-in-error"}]}]}`

func TestEachWrongGuardIsCaught(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("tests a wrong guard for each mistake")
	}
	for name, build := range wrongGuards {
		assert.Error(t, pointertest.TestGuard(build), name)
	}
}
