// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

const (
	gpcRead   asid.InteractionID = "urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1"
	gpcSearch asid.InteractionID = "urn:nhs:names:services:gpconnect:fhir:rest:search:patient-1"
	gpcRecord asid.InteractionID = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
)

// says answers with a name and the values of the path.
func says(what string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, what, " ", r.PathValue("id")) })
}

func providerOfBoth(t testing.TB) http.Handler {
	t.Helper()
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}
	handler, err := gate.Handler(
		asid.Endpoint{Path: "/records/{id}", Interaction: asid.DocumentReferenceContentRead, Handler: says("record")},
		asid.Endpoint{Path: "/records/{record}/pages/{id}", Interaction: asid.DocumentReferenceContentRead, Handler: says("page")},
		asid.Endpoint{Path: "/gpc/Patient", Methods: []string{"GET"}, Interaction: gpcSearch, Handler: says("search")},
		asid.Endpoint{Path: "/gpc/Patient/{id}", Methods: []string{"GET"}, Interaction: gpcRead, Handler: says("read")},
		asid.Endpoint{Path: "/gpc/Patient/$gpc.getstructuredrecord", Methods: []string{"POST"}, Interaction: gpcRecord, Handler: says("structured")},
		asid.Endpoint{Path: "/files/{id...}", Interaction: asid.DocumentReferenceContentRead, Handler: says("file")},
	)
	require.NoError(t, err)
	return handler
}

func TestOneGateServesTheNRLAndOtherAPIs(t *testing.T) {
	t.Parallel()
	handler := providerOfBoth(t)
	ask := func(method, target string, interaction asid.InteractionID) (int, string) {
		r := asidtest.NewSSPRequest("https://provider.test"+target, consumer, provider.ASID, sspName)
		r.Method = method
		r.Header.Set("Ssp-InteractionID", string(interaction))
		w := serve(handler, r)
		assert.Equal(t, []string{"no-store"}, w.Header()["Cache-Control"])
		return w.Code, w.Body.String()
	}
	interactions := []asid.InteractionID{asid.DocumentReferenceContentRead, gpcSearch, gpcRead, gpcRecord}
	for _, c := range []struct {
		method, target string
		interaction    asid.InteractionID
		want           string
	}{
		{"GET", "/records/1", asid.DocumentReferenceContentRead, "record 1"},
		{"HEAD", "/records/1", asid.DocumentReferenceContentRead, "record 1"},
		{"GET", "/records/a%2Fb", asid.DocumentReferenceContentRead, "record a/b"},
		{"GET", "/records/a%2Fpages%2Fb", asid.DocumentReferenceContentRead, "record a/pages/b"},
		{"GET", "/records/a/pages/b", asid.DocumentReferenceContentRead, "page b"},
		{"GET", "/records/a%20b", asid.DocumentReferenceContentRead, "record a b"},
		{"GET", "/records/%C3%A9%EF%BC%A1%E2%80%A6%C2%BD", asid.DocumentReferenceContentRead, "record \u00E9\uFF21\u2026\u00BD"},
		{"GET", "/records/a;b", asid.DocumentReferenceContentRead, "record a;b"},
		{"GET", "/records/a;b%2Fc", asid.DocumentReferenceContentRead, "record a;b/c"},
		{"GET", "/records/(1)", asid.DocumentReferenceContentRead, "record (1)"},
		{"GET", "/files/a(S(x))/(a)(b)/((c))", asid.DocumentReferenceContentRead, "file a(S(x))/(a)(b)/((c))"},
		{"GET", "/records/a...", asid.DocumentReferenceContentRead, "record a..."},
		{"GET", "/records/a..b%25", asid.DocumentReferenceContentRead, "record a..b%"},
		{"GET", "/records/%25252525252541", asid.DocumentReferenceContentRead, "record %252525252541"},
		{"GET", "/files/a/b/c", asid.DocumentReferenceContentRead, "file a/b/c"},
		{"GET", "/gpc/Patient?identifier=x", gpcSearch, "search "},
		{"GET", "/gpc/Patient/7", gpcRead, "read 7"},
		{"POST", "/gpc/Patient/$gpc.getstructuredrecord", gpcRecord, "structured "},
		{"POST", "/gpc/Patient/%24gpc.getstructuredrecord", gpcRecord, "structured "},
	} {
		for _, interaction := range interactions {
			status, body := ask(c.method, c.target, interaction)
			if interaction == c.interaction {
				assert.Equal(t, http.StatusOK, status, "%s %s: %s", c.method, c.target, body)
				assert.Equal(t, c.want, body)
			} else {
				assert.Equal(t, http.StatusBadRequest, status, "%s %s as %s", c.method, c.target, interaction)
				if c.method != http.MethodHead {
					assert.Equal(t, "MISSING_OR_INVALID_HEADER", code(body))
				}
			}
		}
	}
	for _, c := range [][2]string{
		{"GET", "/records/..%2Fgpc%2FPatient"}, {"GET", "/records/%2e%2e/gpc/Patient"}, {"GET", "/records/../gpc/Patient"},
		{"GET", "/gpc"}, {"GET", "/gpc/"}, {"GET", "/gpc/Patient/"}, {"GET", "/gpc//Patient"}, {"GET", "//gpc/Patient"}, {"GET", "/"},
		{"GET", "/records/"}, {"GET", "/records/a%2F"}, {"GET", "/records/%2F"}, {"GET", "/records/a%2F..%2Fb"}, {"GET", "/records/."},
		{"GET", "/records/a%5Cb"}, {"GET", "/records/a%00"}, {"GET", "/records/a%0Ab"}, {"GET", "/Records/1"}, {"GET", "/gpc/patient"},
		{"GET", "/files/..;/gpc/Patient"}, {"GET", "/files/a/..;x=1/b"}, {"GET", "/files/.%3Bx/b"}, {"GET", "/files/a/;x/b"}, {"GET", "/records/a%2F..;x%2Fb"},
		{"GET", "/files/%252e%252e/gpc/Patient"}, {"GET", "/records/..%252Fgpc"}, {"GET", "/records/%25252e%25252e"}, {"GET", "/records/a%255Cb"},
		{"GET", "/files/%c0%ae%c0%ae/gpc/Patient"}, {"GET", "/records/a%E9"}, {"GET", "/gpc/Patient/$gpc.getstructuredrecord"}, {"POST", "/gpc/Patient/$gpc.getstructuredrecord;x"}, {"GET", "/gpc/Patient/$gpc.getstructuredrecord;x"},
		{"GET", "/files"}, {"GET", "/records/1/2"}, {"GET", "/records/1/pages/2/3"}, {"GET", "/records/1/pages/2/3/4"}, {"GET", "/gpc/Patient/%2524gpc.getstructuredrecord"}, {"POST", "/records/1"}, {"DELETE", "/gpc/Patient/7"}, {"PUT", "/gpc/Patient"},
		{"POST", "/gpc/Patient/7"},
		{"GET", "/files/%EF%BC%8E%EF%BC%8E/gpc/Patient"}, {"GET", "/records/a%EF%BC%8F..%EF%BC%8Fb"}, {"GET", "/files/%E2%80%A5/gpc/Patient"}, {"GET", "/records/a%EF%BC%BCb"},
		{"GET", "/records/%EF%BC%85%32%65%EF%BC%85%32%65"}, {"GET", "/records/%25EF%25BC%258F"}, {"GET", "/records/%E2%84%80"},
		{"GET", "/records/%25%EF%BC%92e"}, {"GET", "/records/%25zz%252F..%252Fb"}, {"GET", "/files/%25/%25%2532e./gpc/Patient"}, {"GET", "/records/a%25%255Cb"}, {"GET", "/files/%25c0%25ae%25c0%25ae/a"}, {"GET", "/files/..%20/gpc/Patient"}, {"GET", "/gpc/Patient/%20"}, {"GET", "/records/a%7F"}, {"GET", "/records/a%1F"}, {"GET", "/records/a%2F.%20%20;x"},
		{"GET", "/gpc/Patient/..."}, {"GET", "/gpc/Patient/.%20."}, {"GET", "/gpc/Patient/..%20.;x"}, {"GET", "/files/a/%252e.%252e/b"},
		{"GET", "/files/(S(x))/a"}, {"GET", "/files/a/(a(x)F(y))/b"}, {"GET", "/files/%28S%2528x/y))/a"}, {"GET", "/files/a%2F(S(x))%2Fb"}, {"GET", "/files/%EF%BC%88S(x))/a"},
		{"GET", "/gpc/Patient/$gpc.getstructuredrecord;x%2Fy"}, {"GET", "/gpc/Patient/%2524gpc.getstructuredrecord%253Bx%252Fy"},
	} {
		for _, interaction := range interactions {
			status, body := ask(c[0], c[1], interaction)
			assert.Equal(t, http.StatusBadRequest, status, "%v", c)
			assert.Equal(t, "BAD_REQUEST", code(body), "%v", c)
		}
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X_Original_URL", "Upgrade"} {
		r := asidtest.NewSSPRequest("https://provider.test/records/1", consumer, provider.ASID, sspName)
		r.Header.Set(header, "x")
		assert.Equal(t, http.StatusBadRequest, serve(handler, r).Code, header)
	}
}

// Behind the gate may be a router to which two paths are one: of ASP.NET or Express,
// without regard to letter case; of Spring, with any suffix; of Windows; or one that
// parses the decoded path as a URL.
func TestAPathThatARouterBehindTakesForAnotherEndpointsIsRefused(t *testing.T) {
	t.Parallel()
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}
	handler, err := gate.Handler(
		asid.Endpoint{Path: "/a/{id}", Interaction: gpcRead, Handler: says("read")},
		asid.Endpoint{Path: "/a/Search", Interaction: gpcSearch, Handler: says("search")},
		asid.Endpoint{Path: "/a/search", Interaction: gpcRecord, Handler: says("record")},
		asid.Endpoint{Path: "/a/{rest...}", Interaction: gpcRead, Handler: says("tree")},
		asid.Endpoint{Path: "/b/search.v1", Interaction: gpcSearch, Handler: says("search")},
		asid.Endpoint{Path: "/b/search", Interaction: gpcRecord, Handler: says("record")},
		asid.Endpoint{Path: "/c/{id}", Interaction: gpcRead, Handler: says("read")},
		asid.Endpoint{Path: "/C/new", Interaction: gpcSearch, Handler: says("search")},
		asid.Endpoint{Path: "/C/{id}", Interaction: gpcRecord, Handler: says("record")},
		asid.Endpoint{Path: "/c/same", Interaction: gpcRead, Handler: says("same")},
	)
	require.NoError(t, err)
	for target, want := range map[string]asid.InteractionID{
		"/a/7": gpcRead, "/a/Search": gpcSearch, "/a/search": gpcRecord, "/a/searches": gpcRead, "/a/search-1": gpcRead, "/a/a/search": gpcRead,
		"/a/7%3Fx": gpcRead, "/a/x%23search": gpcRead, "/b/search": gpcRecord, "/b/search.v1": gpcSearch, "/c/SAME": gpcRead, "/c/same.x": gpcRead,
		"/c/7": gpcRead, "/C/7": gpcRecord, "/C/new": gpcSearch, "/c/new": "", "/C/same": "",
		"/a/SEARCH": "", "/a/sEarch": "", "/a/%C5%BFearch": "", "/a/%EF%BC%B3earch": "", "/a/%EF%BD%93earch": "", "/a/search.": "", "/a/search%20": "", "/a/search%20.": "", "/a/search.json": "", "/a/Search.a.b": "", "/A/7": "",
		"/a/search%3Fx": "", "/a/search%23x": "", "/a/search%3F/x": "", "/a/search%253Fx": "", "/a/SEARCH;x": "", "/a/7/..%3Fx": "", "/a/7/%3Fx": "",
	} {
		for _, interaction := range []asid.InteractionID{gpcRead, gpcSearch, gpcRecord} {
			r := asidtest.NewSSPRequest("https://provider.test"+target, consumer, provider.ASID, sspName)
			r.Header.Set("Ssp-InteractionID", string(interaction))
			status := http.StatusBadRequest
			if interaction == want {
				status = http.StatusOK
			}
			assert.Equal(t, status, serve(handler, r).Code, "%s as %s", target, interaction)
		}
	}
}

// Not parallel: what others allocate would count.
func TestAPathOfManySegmentsTakesLittleMemory(t *testing.T) {
	handler := providerOfBoth(t)
	path := "/files" + strings.Repeat("/a;", 1<<16)
	r := asidtest.NewSSPRequest("https://provider.test"+path, consumer, provider.ASID, sspName)
	r.Header.Set("Ssp-InteractionID", string(asid.DocumentReferenceContentRead))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := serve(handler, r)
	runtime.ReadMemStats(&after)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32*len(path)))
}

// A framework behind takes the method of a POST from a field of a form. FHIR has forms
// for searches alone (R4, RESTful API, search).
func TestAFormIsPostedToASearchAlone(t *testing.T) {
	t.Parallel()
	handler, err := (&asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}).Handler(
		asid.Endpoint{Path: "/gpc/Patient/{id}", Interaction: gpcSearch, Handler: says("one")},
		asid.Endpoint{Path: "/gpc/Patient/_search", Interaction: gpcSearch, Handler: says("search")},
		asid.Endpoint{Path: "/gpc/Patient/{id}/{rest...}", Interaction: gpcSearch, Handler: says("rest")},
	)
	require.NoError(t, err)
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		method, path, contentType string
		want                      int
	}{
		{"POST", "1", form, http.StatusUnsupportedMediaType}, {"POST", "1", "Multipart/Form-Data; boundary=x", http.StatusUnsupportedMediaType},
		{"post", "1", form, http.StatusBadRequest}, {"Put", "1", "application/fhir+json", http.StatusBadRequest},
		{"POST", "1", "application/fhir+json", http.StatusOK}, {"POST", "_search", form, http.StatusOK}, {"PUT", "1", form, http.StatusOK},
		{"POST", "a/b/c/_search", form, http.StatusOK}, {"POST", "a/b/_search/d", form, http.StatusUnsupportedMediaType},
		{"POST", "%5Fsearch", form, http.StatusOK}, {"POST", "a%2F_search", form, http.StatusUnsupportedMediaType},
	} {
		r := asidtest.NewSSPRequest("https://provider.test/gpc/Patient/"+c.path, consumer, provider.ASID, sspName)
		r.Method = c.method
		r.Header.Set("Ssp-InteractionID", string(gpcSearch))
		r.Header.Set("Content-Type", c.contentType)
		assert.Equal(t, c.want, serve(handler, r).Code, "%v", c)
	}
}

func TestTheInteractionMayDependOnTheRequest(t *testing.T) {
	t.Parallel()
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}
	handler, err := gate.Handler(asid.Endpoint{Path: "/gpc/Patient", Handler: says("x"), InteractionOf: func(r *http.Request) (asid.InteractionID, error) {
		if r.URL.Query().Has("identifier") {
			return gpcSearch, nil
		}
		return "", &asid.RequestError{Rule: asid.RuleRequest, Detail: "searches without a patient"}
	}})
	require.NoError(t, err)
	r := asidtest.NewSSPRequest("https://provider.test/gpc/Patient?identifier=x", consumer, provider.ASID, sspName)
	r.Header.Set("Ssp-InteractionID", string(gpcSearch))
	assert.Equal(t, http.StatusOK, serve(handler, r).Code)
	r.URL.RawQuery = ""
	assert.Equal(t, http.StatusBadRequest, serve(handler, r).Code)
}

func TestEndpointsThatCannotBeServedAreFoundWhenTheGateIsBuilt(t *testing.T) {
	t.Parallel()
	good := asid.Endpoint{Path: "/a/{id}", Interaction: gpcRead, Handler: says("x")}
	for name, change := range map[string]func(*asid.Endpoint){
		"relative":         func(e *asid.Endpoint) { e.Path = "a" },
		"empty":            func(e *asid.Endpoint) { e.Path = "" },
		"a trailing slash": func(e *asid.Endpoint) { e.Path = "/a/" },
		"dot segments":     func(e *asid.Endpoint) { e.Path = "/a/../b" },
		"parameters":       func(e *asid.Endpoint) { e.Path = "/a;b" },
		"a control":        func(e *asid.Endpoint) { e.Path = "/a\n" },
		"octets":           func(e *asid.Endpoint) { e.Path = "/a\xff" },
		"encoded":          func(e *asid.Endpoint) { e.Path = "/a%2Fb" },
		"no name":          func(e *asid.Endpoint) { e.Path = "/a/{}" },
		"a name twice":     func(e *asid.Endpoint) { e.Path = "/a/{id}/b/{id}" },
		"a name twice too": func(e *asid.Endpoint) { e.Path = "/a/{id}/{id...}" },
		"rest first":       func(e *asid.Endpoint) { e.Path = "/{x...}/a" },
		"half a segment":   func(e *asid.Endpoint) { e.Path = "/a{x}" },
		"no handler":       func(e *asid.Endpoint) { e.Handler = nil },
		"no interaction":   func(e *asid.Endpoint) { e.Interaction = "" },
		"no URN":           func(e *asid.Endpoint) { e.Interaction = "x" },
	} {
		bad := good
		change(&bad)
		_, err := (&asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}).Handler(bad)
		assert.IsType(t, &asid.ConfigError{}, err, name)
	}
	same := good
	same.Path = "/a/{other}"
	_, err := (&asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}).Handler(good, same)
	assert.IsType(t, &asid.ConfigError{}, err, "two endpoints for the same requests")
	good.Methods, same.Methods = []string{"GET"}, []string{"POST"}
	_, err = (&asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}).Handler(good, same)
	assert.NoError(t, err)
	_, err = (&asid.Gate{}).Handler(good)
	assert.IsType(t, &asid.ConfigError{}, err)
}
