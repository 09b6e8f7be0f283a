// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// ifMatch returns the versions that the If-Match of a change allows, or nil if
// there is none. Other preconditions are refused: a store that does not know them
// would make the change all the same.
func ifMatch(h http.Header) ([]string, error) {
	for key := range h {
		if len(key) < len("If-") || !ascii.EqualHeader(key[:len("If-")], "If-") { // as nearly all headers
			continue
		}
		for _, name := range [...]string{"If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
			if ascii.EqualHeader(key, name) {
				return nil, requestError(0, "has the precondition "+name)
			}
		}
		if key != "If-Match" && ascii.EqualHeader(key, "If-Match") {
			return nil, requestError(0, "has an If-Match in another spelling")
		}
	}
	lines := h["If-Match"]
	if len(lines) == 0 {
		return nil, nil
	}
	// Lines and the items of a list mean the same (RFC 9110 section 5.3).
	list := strings.Join(lines, ",")
	if strings.Trim(list, " \t") == anyVersion {
		return []string{anyVersion}, nil
	}
	versions := []string{}
	for item := range strings.SplitSeq(list, ",") {
		tag := strings.Trim(item, " \t")
		if tag == "" { // RFC 9110 section 5.6.1.2: empty items do not count
			continue
		}
		version, ok := opaque(tag)
		if !ok {
			return nil, requestError(0, "has an If-Match that names no versions")
		}
		versions = append(versions, version)
	}
	if len(versions) == 0 {
		return nil, requestError(0, "has an If-Match that names no versions")
	}
	return versions, nil
}

// anyVersion is If-Match: *. It is no version: ids have no asterisk.
const anyVersion = "*"

// opaque returns the version in an entity tag, W/"1" or "1" (RFC 9110 section
// 8.8.3). No version has a comma or a quote in it.
func opaque(tag string) (string, bool) {
	tag = strings.TrimPrefix(tag, "W/")
	if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return "", false
	}
	version := tag[1 : len(tag)-1]
	return version, fhirpath.IsID(version)
}

// etag is the entity tag of a version, as FHIR writes it.
func etag(version string) string { return `W/"` + version + `"` }
