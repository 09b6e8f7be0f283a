// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// The goals: JSON at most 0.6x of json.Valid and 5 allocations, XML at most 1.0x
// of encoding/xml into a small struct. Guard and peer take turns, so that both
// have the same neighbours; the ratio is that of the medians.
func paired(b *testing.B, what string, guard, peer func()) {
	b.ReportAllocs()
	guards, peers := make([]time.Duration, 0, 1<<16), make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		start := time.Now()
		guard()
		half := time.Now()
		peer()
		end := time.Now()
		guards, peers = append(guards, half.Sub(start)), append(peers, end.Sub(half))
	}
	median := func(list []time.Duration) float64 {
		slices.Sort(list)
		return float64(list[len(list)/2])
	}
	g, p := median(guards), median(peers)
	b.ReportMetric(g, "ns-guard")
	b.ReportMetric(p, "ns-"+what)
	b.ReportMetric(g/p, "x-"+what)
	b.ReportMetric(testing.AllocsPerRun(100, guard), "allocs-guard")
}

// parsing is the guard's reading of body.
func parsing(b *testing.B, contentType string, body []byte) func() {
	return func() {
		if _, err := pointer.Parse(contentType, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	body := []byte(load(b, "create", "stu3", "json").text)
	guard := parsing(b, "application/fhir+json", body)
	b.Run("against json.Valid", func(b *testing.B) {
		paired(b, "valid", guard, func() { json.Valid(body) })
	})
	b.Run("against encoding json into a small struct", func(b *testing.B) {
		paired(b, "struct", guard, func() {
			var doc struct {
				Custodian struct{ Reference string }
			}
			if err := json.Unmarshal(body, &doc); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("against golang-fhir-models", func(b *testing.B) {
		paired(b, "models", guard, func() {
			if _, err := fhir.UnmarshalDocumentReference(body); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkXML(b *testing.B) {
	body := []byte(load(b, "create", "stu3", "xml").text)
	guard := parsing(b, "application/fhir+xml", body)
	b.Run("against encoding xml into a small struct", func(b *testing.B) {
		paired(b, "struct", guard, func() {
			var doc struct {
				Custodian struct {
					Reference struct {
						Value string `xml:"value,attr"`
					} `xml:"reference"`
				} `xml:"custodian"`
			}
			if err := xml.Unmarshal(body, &doc); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// A whole decision, without HTTP.
func BenchmarkAuthorize(b *testing.B) {
	guard := &pointer.Guard{Resolver: stored(b)}
	caller := callerOf(b, "A81001")
	for _, name := range []string{"create", "supersede-reference"} {
		body := []byte(load(b, name, "stu3", "json").text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := pointer.Parse("application/fhir+json", body)
				require.NoError(b, err)
				action := pointer.Create
				if len(p.RelatesTo) > 0 {
					action = pointer.Supersede
				}
				_, err = guard.Authorize(b.Context(), caller, pointer.Change{Action: action, New: p})
				require.NoError(b, err)
			}
		})
	}
}

// What the guard adds to a bare handler that reads the body. The goal: 4 us and
// 15 allocations.
func BenchmarkMiddleware(b *testing.B) {
	bare := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	guarded := (&pointer.Guard{Resolver: stored(b)}).Middleware(bare)
	ctx := asid.NewContext(b.Context(), callerOf(b, "A81001"))
	assigned := load(b, "create", "stu3", "json").text
	plain := strings.NewReplacer(`"versionId": "1",`, "", `"lastUpdated": "2026-02-03T10:15:00+00:00",`, "").Replace(assigned)
	for name, c := range map[string]struct{ method, target, body string }{
		"create": {"POST", collection, plain},
		"create with a version, which is taken out": {"POST", collection, assigned},
		"delete": {"DELETE", collection + "/" + oldID, ""},
	} {
		serve := func(h http.Handler) func() {
			r := httptest.NewRequest(c.method, c.target, nil).WithContext(ctx)
			if c.body != "" {
				r.Header.Set("Content-Type", "application/fhir+json")
			}
			w := httptest.NewRecorder()
			return func() {
				r.Body, r.ContentLength = http.NoBody, int64(len(c.body)) // as net/http's server has it
				if c.body != "" {
					r.Body = io.NopCloser(strings.NewReader(c.body))
				}
				h.ServeHTTP(w, r)
			}
		}
		b.Run(name, func(b *testing.B) { paired(b, "bare", serve(guarded), serve(bare)) })
	}
}

// The cost per byte must not grow with the body.
func BenchmarkSize(b *testing.B) {
	for _, format := range []string{"json", "xml"} {
		for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", format, size>>10), func(b *testing.B) {
				d := load(b, "create", "stu3", format)
				entry := d.pick(`{"code":"x","display":"y"},`, `<coding><code value="x"/><display value="y"/></coding>`)
				many := strings.Repeat(entry, size/len(entry))
				text := strings.Replace(d.text, d.pick(`"coding": [`, "<coding>"), d.pick(`"coding": [`+many, many+"<coding>"), 1)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if _, err := pointer.Parse(d.contentType(), []byte(text)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
