// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// An Endpoint is a path of a provider's, or a tree of paths, with the interaction
// that the SSP must name for it.
type Endpoint struct {
	// Path has segments that are literal, in which letter case counts; {name} for
	// one segment of any value; and, in the last place, {name...} for one or more.
	// Handlers get the decoded values by [http.Request.PathValue].
	Path        string
	Interaction InteractionID // required, unless InteractionOf is set
	// InteractionOf returns the interaction that a request for Path amounts to.
	InteractionOf func(*http.Request) (InteractionID, error)
	Methods       []string     // empty: GET and HEAD for DocumentReferenceContentRead, else all
	Handler       http.Handler // required
}

// Handler is [Gate.Middleware] for several endpoints, of the NRL and of other APIs
// behind the SSP: each request must name the interaction of the endpoint that its
// path leads to. Gate.Interaction does not count.
//
// Matching a path and serving it are one act, so that no router behind can see
// another path than the one that was judged. Literal segments are preferred to
// {name}, and that to {name...}, from left to right; a method that the preferred
// endpoint of a path does not take is refused. A path is refused with 400 if
// no endpoint has it, or if a router could clean it up, redirect it or decode it
// to another: empty segments and dot segments, with parameters as in "..;x", blanks or
// more full stops behind them and percent-encoded ones too, up to three times; trailing
// slashes, backslashes and controls, and characters of which Unicode's NFKC or a code
// page of Windows makes such syntax, as of a full-width slash; what is not UTF-8; segments
// such as (S(x)), which ASP.NET takes out; and a path that a reader which decodes it
// further, drops parameters, ends it at an encoded question or number sign, has no regard
// to letter case, or drops from a segment what follows a full stop takes for that of an
// endpoint of another interaction. Otherwise an encoded slash within a segment, as in
// a%2Fb, is part of the value. Handlers that have subtrees must not route by them in
// another way.
//
// A form as the body of a POST is refused with 415, but for the path of a search by
// POST, which ends in _search: frameworks take the method from a field of a form, such
// as _method. Bodies are not read, so that a framework behind must not do so there.
//
// The error is a [*ConfigError].
func (g *Gate) Handler(endpoints ...Endpoint) (http.Handler, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	routes := make([]route, len(endpoints))
	for i := range endpoints {
		var err error
		if routes[i], err = newRoute(&endpoints[i]); err != nil {
			return nil, err
		}
		for _, other := range routes[:i] {
			if other.key == routes[i].key && overlap(other.methods, routes[i].methods) {
				return nil, &ConfigError{Field: "Endpoint.Path", Detail: fmt.Sprintf("%q is there twice for the same method", endpoints[i].Path)}
			}
		}
	}
	slices.SortStableFunc(routes, func(a, b route) int { return cmp.Compare(a.key, b.key) })
	return g.handler(func(r *http.Request) (InteractionID, http.Handler, error) { return findRoute(routes, r) }), nil
}

// A route is an Endpoint that was checked.
type route struct {
	Endpoint
	segments []string
	folded   []string // the segments
	shape    string   // which of them are literal
	methods  []string
	key      string
}

func newRoute(e *Endpoint) (route, error) {
	bad := func(field, detail string) (route, error) {
		return route{}, &ConfigError{Field: "Endpoint." + field, Detail: fmt.Sprintf("of %q %s", e.Path, detail)}
	}
	path, absolute := strings.CutPrefix(e.Path, "/")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		switch {
		case !absolute || unclear(s) || strings.ContainsAny(s, "%;"):
			return bad("Path", "has a segment that no request could have")
		case isWildcard(s) && (wildcardName(s) == "" || strings.ContainsAny(wildcardName(s), "{}")):
			return bad("Path", "has a wildcard without a name")
		case isRest(s) && i < len(segments)-1:
			return bad("Path", "has {...} before its end")
		case isWildcard(s) && slices.ContainsFunc(segments[:i], func(other string) bool { return isWildcard(other) && wildcardName(other) == wildcardName(s) }):
			return bad("Path", "has two wildcards of one name")
		case !isWildcard(s) && strings.ContainsAny(s, "{}"):
			return bad("Path", "has a brace within a segment")
		}
	}
	switch {
	case e.Handler == nil:
		return bad("Handler", missing)
	case (e.Interaction == "") == (e.InteractionOf == nil):
		return bad("Interaction", "must be set, or InteractionOf, and not both")
	}
	if e.Interaction != "" {
		if _, err := ParseInteractionID(string(e.Interaction)); err != nil {
			return bad("Interaction", err.Error())
		}
	}
	r := route{Endpoint: *e, segments: segments, folded: eachSegment(segments, foldSegment), shape: shapeOf(segments), methods: e.Methods, key: routeKey(segments)}
	if len(r.methods) == 0 && e.Interaction == DocumentReferenceContentRead {
		r.methods = []string{http.MethodGet, http.MethodHead}
	}
	return r, nil
}

func isWildcard(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

func isRest(segment string) bool { return strings.HasSuffix(segment, "...}") && isWildcard(segment) }

// wildcardName returns what is between the braces, without dots.
func wildcardName(segment string) string {
	return strings.TrimSuffix(segment[1:len(segment)-1], "...")
}

// routeKey orders routes by how specific they are; routes that match the same paths
// have the same.
func routeKey(segments []string) string {
	var b strings.Builder
	for _, s := range segments {
		switch {
		case isRest(s):
			b.WriteString("/\x03")
		case isWildcard(s):
			b.WriteString("/\x02")
		default:
			b.WriteString("/\x01" + s)
		}
	}
	return b.String()
}

// shapeOf returns routeKey's characters of the segments without the literals.
func shapeOf(segments []string) string {
	return routeKey(eachSegment(segments, func(s string) string {
		if isWildcard(s) {
			return s
		}
		return ""
	}))
}

// overlap reports whether two lists of methods, of which an empty one has all,
// have one in common.
func overlap(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}

// findRoute returns the interaction and the handler of the route that has the
// request's path and method.
func findRoute(routes []route, r *http.Request) (InteractionID, http.Handler, error) {
	segments, ok := split(r.URL)
	if !ok {
		return "", nil, errTwoWays()
	}
	decisive := beginning(segments, routes)
	ofPath := routesOf(routes, decisive)
	if len(ofPath) == 0 {
		return "", nil, &RequestError{Rule: RuleRequest, Detail: "has a path that no endpoint has"}
	}
	if !oneInteraction(ofPath, looselyOf(routes, decisive, ofPath)) {
		return "", nil, errTwoWays()
	}
	for _, other := range otherReadings(decisive) {
		exact := routesOf(routes, other)
		if servesAnother(ofPath, exact) || !oneInteraction(ofPath, looselyOf(routes, other, exact)) {
			return "", nil, errTwoWays()
		}
	}
	for i := range ofPath {
		route := &ofPath[i]
		if len(route.methods) > 0 && !slices.Contains(route.methods, r.Method) {
			continue
		}
		if r.Method == http.MethodPost && segments[len(segments)-1] != "_search" && isForm(r.Header) {
			return "", nil, &RequestError{Rule: RuleRequest, Detail: "has a form in place of a resource", Err: errForm}
		}
		interaction := route.Interaction
		if route.InteractionOf != nil {
			var err error
			if interaction, err = route.InteractionOf(r); err != nil {
				return "", nil, err
			}
		}
		return interaction, &routed{route, segments}, nil
	}
	return "", nil, &RequestError{Rule: RuleRequest, Detail: "has a method that its path does not take"}
}

// beginning returns as many segments as tell the routes apart, in every reading: one
// more than the longest has. A path may have half a million.
func beginning(segments []string, routes []route) []string {
	longest := 0
	for i := range routes {
		longest = max(longest, len(routes[i].segments))
	}
	return segments[:min(len(segments), longest+1)]
}

// servesAnother reports whether a reader that finds others for a path serves another
// interaction.
func servesAnother(routes, others []route) bool {
	return len(others) > 0 && others[0].key != routes[0].key && !oneInteraction(routes, others)
}

// oneInteraction reports whether all of the routes have the same interaction, or there
// are no others.
func oneInteraction(some, others []route) bool {
	if len(others) == 0 {
		return true
	}
	differs := func(r route) bool { return r.Interaction == "" || r.Interaction != some[0].Interaction }
	return !slices.ContainsFunc(some, differs) && !slices.ContainsFunc(others, differs)
}

func errTwoWays() error {
	return &RequestError{Rule: RuleRequest, Detail: "has a path that can be read in two ways"}
}

// routesOf returns the routes of a path, which differ by their methods. Less specific
// ones that match too are not among them: a handler that routes anew would serve the
// more specific one under their interaction.
func routesOf(routes []route, segments []string) []route {
	for i := range routes {
		r := &routes[i]
		if !r.matches(segments, func(at int) bool { return r.segments[at] == segments[at] }) {
			continue
		}
		n := 1
		for i+n < len(routes) && routes[i+n].key == r.key {
			n++
		}
		return routes[i : i+n]
	}
	return nil
}

// looselyOf returns the more specific routes than the exact ones, if there are those,
// that a router prefers which takes a literal for what is only like it. Routes of one
// shape, such as /Patient/{id} and /patient/{id}, it has to tell apart to serve both.
func looselyOf(routes []route, segments []string, exact []route) []route {
	var loosely []route
	var loose []string
	for i := range routes {
		r := &routes[i]
		if len(exact) > 0 && r.shape >= exact[0].shape {
			continue
		}
		if loose == nil {
			loose = eachSegment(segments, foldSegment)
		}
		if r.matches(segments, func(at int) bool { return alike(r.folded[at], loose[at]) }) {
			loosely = append(loosely, *r)
		}
	}
	return loosely
}

// matches reports whether the route has the path; literal says it of the literal
// segment at a place.
func (r *route) matches(segments []string, literal func(at int) bool) bool {
	for i, s := range r.segments {
		switch {
		case i >= len(segments):
			return false
		case isRest(s):
			return true
		case !isWildcard(s) && !literal(i):
			return false
		}
	}
	return len(segments) == len(r.segments)
}

// A routed serves requests whose path has matched.
type routed struct {
	route    *route
	segments []string
}

// ServeHTTP implements [http.Handler].
func (h *routed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for i, s := range h.route.segments {
		switch {
		case isRest(s):
			r.SetPathValue(wildcardName(s), strings.Join(h.segments[i:], "/"))
		case isWildcard(s):
			r.SetPathValue(wildcardName(s), h.segments[i])
		}
	}
	h.route.Handler.ServeHTTP(w, r)
}
