// SPDX-License-Identifier: Apache-2.0

package fhirpath

import (
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// overrides returns the headers by which a server behind may take a request for
// another one than its method and URL say: method overrides, the URL rewrites of
// IIS and of the frameworks that follow it, FHIR's conditional create, which
// answers with a pointer in place of making one, and what has a server change more
// than the pointer, or change it elsewhere than it was looked up: HAPI deletes along
// what refers to it and goes to the partition that a client names, IBM's server to the
// tenant and data store, and FHIR's X-Provenance is a second resource.
func overrides() [12]string {
	return [...]string{
		"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method",
		"X-Original-URL", "X-Rewrite-URL", "If-None-Exist", "X-Cascade", "X-Provenance",
		"X-Request-Partition-IDs", "X-FHIR-TENANT-ID", "X-FHIR-DSID",
	}
}

// Override returns what makes r mean something else than its method and URL say,
// as a phrase for a refusal such as "has the header X-HTTP-Method", or the empty
// string if there is nothing: a header of the list in any spelling, a parameter
// that replaces the method, a query that readers could split in different ways, a
// length of the body in another spelling, a method that is not in capitals, of which
// frameworks without regard to letter case make one that is (RFC 9110 section 9.1 has
// regard to it), a switch of protocols, or CONNECT. What is written after a switch is
// no request, and no guard could judge it.
func Override(r *http.Request) string {
	if strings.ContainsFunc(r.Method, func(c rune) bool { return 'a' <= c && c <= 'z' }) {
		return "has a method in other letter case"
	}
	names := overrides()
	for key := range r.Header {
		for _, name := range names {
			// Nearly all differ by their length.
			if len(key) == len(name) && ascii.EqualHeader(key, name) {
				return "has the header " + name
			}
		}
		if framesBody(key) {
			return "has a header by which another reader may end the body elsewhere"
		}
		if ascii.EqualHeader(key, "Upgrade") || ascii.EqualHeader(key, "HTTP2-Settings") {
			return "asks for another protocol"
		}
	}
	if r.Method == http.MethodConnect || asksToUpgrade(r.Header["Connection"]) {
		return "asks for another protocol"
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	// Readers differ over what of a query that cannot be parsed whole they keep.
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "has a malformed query"
	}
	for key := range query {
		if overridesMethod(key) {
			return "has the parameter of a method override"
		}
	}
	return ""
}

// framesBody reports whether a header is Transfer-Encoding or Content-Length with another
// sign for the hyphen. net/http passes it on; a server that reads headers as CGI has them
// ends the body by it, and takes what is behind that for the next request.
func framesBody(header string) bool {
	for _, name := range [...]string{"Transfer-Encoding", "Content-Length"} {
		if len(header) == len(name) && ascii.EqualHeader(header, name) && !strings.EqualFold(header, name) {
			return true
		}
	}
	return false
}

// overridesMethod reports whether some framework takes the method from a parameter of
// that name. PHP ends a name at a NUL, drops blanks before it, and makes an underscore of
// a full stop, a blank or a bracket in it; the package qs, which Express uses, takes what
// is in brackets for the name, and what is in brackets behind a name for its members.
func overridesMethod(parameter string) bool {
	parameter, _, _ = strings.Cut(parameter, "\x00")
	bare := strings.TrimPrefix(parameter, "[")
	if end := strings.IndexAny(bare, "[]"); end >= 0 {
		bare = bare[:end]
	}
	parameter = strings.NewReplacer(" ", "_", "[", "_").Replace(strings.TrimLeft(parameter, " "))
	for _, name := range [...]string{"_method", "$httpMethod", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		if ascii.EqualHeader(parameter, name) || ascii.EqualHeader(bare, name) {
			return true
		}
	}
	return false
}

// Dropped returns the names of headers in a value of Connection (RFC 9110 section 7.6.1)
// that some proxy drops: a list of tokens, of which a lenient reader takes more than
// commas to end one.
func Dropped(value string) iter.Seq[string] {
	return strings.FieldsFuncSeq(value, func(c rune) bool { return strings.ContainsRune(", \t;=\"", c) })
}

// asksToUpgrade reports whether the values of Connection have the option upgrade.
func asksToUpgrade(values []string) bool {
	for _, value := range values {
		for option := range Dropped(value) {
			if strings.EqualFold(option, "upgrade") {
				return true
			}
		}
	}
	return false
}
