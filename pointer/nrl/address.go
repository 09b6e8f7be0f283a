// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"
	"net/url"
	"regexp"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// hostForm is that of a Host that can be part of a URL (RFC 9110 section 7.2).
var hostForm = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?$`)

// origin is the URL before the path of r, or the empty string if its Host is none.
func (s *Store) origin(r *http.Request) string {
	if !hostForm.MatchString(r.Host) {
		return ""
	}
	return "https://" + r.Host
}

// collectionURL is the URL of all pointers, given the path of r to them.
func (s *Store) collectionURL(r *http.Request, path string) string {
	if s.Base != nil {
		return (&url.URL{Scheme: s.Base.Scheme, Host: s.Base.Host, Path: s.Base.Path}).JoinPath(fhirpath.DocumentReference).String()
	}
	if origin := s.origin(r); origin != "" {
		return origin + path
	}
	return ""
}
