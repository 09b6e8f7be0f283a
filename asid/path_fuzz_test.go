// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// FuzzGatePaths sends any path, with each interaction, to a gate of two APIs. What
// comes to one endpoint leads none of the readers behind it to another.
func FuzzGatePaths(f *testing.F) {
	for _, target := range []string{
		"/records/1", "/gpc/Patient", "/gpc/Patient/7", "/gpc/Patient/$gpc.getstructuredrecord", "/files/a/b", "/records/a%2Fb", "/records/a;b",
		"/files/..;/gpc/Patient", "/files/%252e%252e/gpc/Patient/7", "/records/..%5Cgpc%5CPatient", "/gpc/Patient/%24gpc.getstructuredrecord;x",
		"/files/%c0%ae%c0%ae/gpc/Patient", "/files//../gpc", "/files/a%00/../..", "/gpc/Patient/%2524gpc.getstructuredrecord", "/gpc/Patient%253Bx", "/gpc/Patient/$GPC.getStructuredRecord", "/gpc/Patient/$gpc.getstructuredrecord.json", "/gpc/Patient/$gpc.getstructuredrecord%3Fx", "/gpc/Patient/%2524gpc.getstructuredrecord%253Bx",
		"/records/%25zz%252F..%252F..%252Fgpc%252FPatient", "/files/%EF%BC%8E%EF%BC%8E/gpc/Patient", "/gpc/Patient/%EF%BC%84gpc.getstructuredrecord", "/files/..%20/..%20/gpc/Patient", "/gpc/Patient/%20",
		"/gpc/Patient/$gpc.getstructuredrecord;x%2Fy", "/gpc/Patient/...",
	} {
		f.Add(target)
	}
	handler := providerOfBoth(f)
	interactions := []asid.InteractionID{asid.DocumentReferenceContentRead, gpcSearch, gpcRead, gpcRecord}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Scheme != "" || u.Host != "" {
			return // net/http refuses it, or it is no path
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, interaction := range interactions {
				r := asidtest.NewSSPRequest("/", consumer, provider.ASID, sspName)
				r.Method, r.URL = method, u
				r.Header.Set("Ssp-InteractionID", string(interaction))
				w := serve(handler, r)
				if w.Code != http.StatusOK {
					continue
				}
				served, _, _ := strings.Cut(strings.Replace(w.Body.String(), "page ", "record ", 1), " ")
				for reader, read := range readers() {
					if other := endpointAt(path.Clean("/" + read(u.EscapedPath()))); other != "" {
						assert.Equal(t, served, other, "%s by a reader that %s", target, reader)
					}
				}
			}
		}
	})
}

// readers are ways in which servers read a path before they route by it.
func readers() map[string]func(string) string {
	decode := func(p string) string {
		if decoded, err := url.PathUnescape(p); err == nil {
			return decoded
		}
		return p
	}
	encoded := regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	lenient := func(p string) string { return encoded.ReplaceAllStringFunc(p, decode) }
	wide := strings.NewReplacer("\uFF0E", ".", "\u2025", "..", "\uFF0F", "/", "\uFF05", "%", "\uFF04", "$", "\uFF12", "2", "\uFF25", "E")
	blanks := regexp.MustCompile(` +(/|$)`)
	parameters := regexp.MustCompile(`;[^/]*`)
	drop := func(p string) string { return parameters.ReplaceAllString(p, "") }
	return map[string]func(string) string{
		"decodes":                      decode,
		"decodes, without letter case": func(p string) string { return asLiterals(strings.EqualFold)(decode(p)) },
		"decodes, and drops a suffix": func(p string) string {
			return asLiterals(func(segment, literal string) bool { return strings.HasPrefix(segment, literal+".") })(decode(p))
		},
		"decodes, and parses a URL":           func(p string) string { before, _, _ := strings.Cut(decode(p), "?"); return before },
		"decodes twice":                       func(p string) string { return decode(decode(p)) },
		"decodes what is encoded, twice":      func(p string) string { return lenient(lenient(p)) },
		"decodes, and applies NFKC":           func(p string) string { return wide.Replace(decode(p)) },
		"decodes, applies NFKC and decodes":   func(p string) string { return lenient(wide.Replace(decode(p))) },
		"decodes, and drops blanks at ends":   func(p string) string { return blanks.ReplaceAllString(decode(p), "$1") },
		"decodes, and drops stops at the end": func(p string) string { return strings.TrimRight(decode(p), ". ") },
		"drops parameters, then decodes":      func(p string) string { return decode(drop(p)) },
		"decodes, then drops parameters":      func(p string) string { return drop(decode(p)) },
		"knows backslashes":                   func(p string) string { return strings.ReplaceAll(decode(p), `\`, "/") },
		"ends at a NUL":                       func(p string) string { before, _, _ := strings.Cut(decode(p), "\x00"); return before },
		"takes overlong encodings for a dot":  func(p string) string { return strings.ReplaceAll(decode(p), "\xc0\xae", ".") },
		"decodes twice, drops the parameters": func(p string) string { return drop(decode(decode(p))) },
	}
}

// asLiterals returns a reader that takes the segments that are the same for a literal of
// an endpoint for that.
func asLiterals(same func(segment, literal string) bool) func(string) string {
	return func(p string) string {
		segments := strings.Split(p, "/")
		for i, s := range segments {
			for _, literal := range []string{"files", "records", "pages", "gpc", "Patient", "$gpc.getstructuredrecord"} {
				if same(s, literal) {
					segments[i] = literal
				}
			}
		}
		return strings.Join(segments, "/")
	}
}

// endpointAt returns the endpoint of a path that no reader would change, or "".
func endpointAt(p string) string {
	switch parts := strings.Split(p, "/")[1:]; {
	case parts[0] == "files" && len(parts) > 1:
		return "file"
	case parts[0] == "records" && len(parts) == 2:
		return "record"
	case parts[0] == "records" && len(parts) == 4 && parts[2] == "pages":
		return "record" // of the same interaction
	case p == "/gpc/Patient":
		return "search"
	case p == "/gpc/Patient/$gpc.getstructuredrecord":
		return "structured"
	case strings.HasPrefix(p, "/gpc/Patient/") && len(parts) == 3:
		return "read"
	}
	return ""
}
