// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

const defaultMaxBytes = 1 << 20

// read makes a Change of r, and returns the body that it has read for that.
func (g *Guard) read(w http.ResponseWriter, r *http.Request) (Change, []byte, error) {
	body, err := g.body(w, r)
	if err != nil {
		return Change{}, nil, err
	}
	c, err := g.change(r, body)
	return c, body, err
}

func (g *Guard) change(r *http.Request, body []byte) (Change, error) {
	place, err := placeOf(r.URL)
	if err != nil {
		return Change{}, err
	}
	switch {
	case r.Method == http.MethodPost && place.bundle(g.BundlePath):
		return g.readBundle(r, body)
	case r.Method == http.MethodPost && place.typed && place.id == "":
		return g.readNew(r, body)
	case r.Method == http.MethodPatch && place.typed:
		return g.readUpdate(r, place, body)
	case r.Method == http.MethodDelete && place.typed:
		c := Change{Action: Delete}
		if len(body) > 0 {
			return c, &BodyError{Detail: "is there, but a DELETE has none"}
		}
		c.Target, err = targetOf(place, r.URL.RawQuery, true)
		return c, err
	default:
		return Change{}, &asid.RequestError{Rule: asid.RuleRequest, Detail: "is none that changes a pointer"}
	}
}

func (g *Guard) reader() reader { return reader{relative: g.RelativeReferences} }

func (g *Guard) readNew(r *http.Request, body []byte) (Change, error) {
	c := Change{Action: Create}
	if _, err := parameters(r.URL.RawQuery); err != nil {
		return c, err
	}
	if len(r.Header.Values("If-None-Exist")) > 0 {
		return c, &asid.RequestError{Rule: asid.RuleRequest, Detail: "is a conditional create"}
	}
	contentType, err := contentTypeOf(r)
	if err != nil {
		return c, err
	}
	if c.New, err = g.reader().documentReference(contentType, body); err != nil {
		return c, err
	}
	return ofNew(c.New), nil
}

// ofNew is the change that a POST of p asks for.
func ofNew(p *Pointer) Change {
	if len(p.RelatesTo) > 0 {
		return Change{Action: Supersede, New: p}
	}
	return Change{Action: Create, New: p}
}

func (g *Guard) readUpdate(r *http.Request, at place, body []byte) (Change, error) {
	c := Change{Action: Update}
	var err error
	if c.Target, err = targetOf(at, r.URL.RawQuery, false); err != nil {
		return c, err
	}
	contentType, err := contentTypeOf(r)
	if err != nil {
		return c, err
	}
	return c, update(contentType, body)
}

func (g *Guard) readBundle(r *http.Request, body []byte) (Change, error) {
	c := Change{Action: Bundle}
	if _, err := parameters(r.URL.RawQuery); err != nil {
		return c, err
	}
	contentType, err := contentTypeOf(r)
	if err != nil {
		return c, err
	}
	b, err := g.reader().bundle(contentType, body)
	if err != nil {
		return c, err
	}
	if b.kind != "transaction" && b.kind != "batch" {
		return c, &ResourceError{Element: "type", Detail: "is neither transaction nor batch"}
	}
	for _, e := range b.entries {
		// A server puts the new id in the place of every reference that equals the
		// fullUrl. No reference that the guard takes begins so.
		if e.pointer != nil && e.full != "" && !strings.HasPrefix(e.full, "urn:uuid:") {
			return c, &ResourceError{Element: "entry", Detail: "has a fullUrl that is no urn:uuid"}
		}
		entry, err := e.change()
		if err != nil {
			return c, err
		}
		c.Entries = append(c.Entries, entry)
	}
	return c, nil
}

// change is what one entry of a transaction or batch asks for. Its URL is
// relative to the Bundle's.
func (e bundleEntry) change() (Change, error) {
	fault := func(detail string) (Change, error) {
		return Change{}, &ResourceError{Element: "entry", Detail: detail}
	}
	switch e.method {
	case http.MethodPost:
		if e.url != documentReference || e.pointer == nil {
			return fault("is a POST of something other than a DocumentReference")
		}
		return ofNew(e.pointer), nil
	case http.MethodDelete:
		u, err := url.Parse(e.url)
		if err != nil || e.pointer != nil || u.IsAbs() || u.Host != "" || u.Fragment != "" || strings.HasPrefix(e.url, "/") {
			return fault("is a DELETE of something other than a DocumentReference")
		}
		at, err := placeOf(&url.URL{Path: "/" + u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery})
		if err != nil || !at.typed || at.base != "/" {
			return fault("is a DELETE of something other than a DocumentReference")
		}
		target, err := targetOf(at, u.RawQuery, true)
		return Change{Action: Delete, Target: target}, err
	default:
		return fault("has a method other than POST and DELETE")
	}
}

// A place is what a path leads to.
type place struct {
	base  string // what is before DocumentReference, or all of it
	typed bool   // whether there is DocumentReference
	id    string // what comes after it
}

// placeOf refuses paths that a router could clean up or decode to other ones.
func placeOf(u *url.URL) (place, error) {
	if u.RawPath != "" || u.Opaque != "" || strings.Contains(u.Path, "\\") || u.Path != path.Clean(u.Path) || !strings.HasPrefix(u.Path, "/") {
		return place{}, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a path that can be read in two ways"}
	}
	base, last := path.Split(u.Path)
	// Before the other, as routers and asid have it: DocumentReference is an id, too.
	if base, typed := strings.CutSuffix(base, "/"+documentReference+"/"); typed {
		if !isID(last) {
			return place{}, &asid.RequestError{Rule: asid.RuleRequest, Detail: "names a pointer by what is not an id"}
		}
		return place{base: base + "/", typed: true, id: last}, nil
	}
	if last == documentReference {
		return place{base: base, typed: true}, nil
	}
	return place{base: u.Path}, nil
}

// bundle reports whether at is where Bundles are posted.
func (at place) bundle(allowed string) bool {
	return allowed != "" && !at.typed && at.base == allowed
}

// targetOf returns the stored pointer that a path and a query mean: exactly one
// of an id in the path, _id where byID allows it, or subject and identifier.
func targetOf(at place, rawQuery string, byID bool) (Query, error) {
	params, err := parameters(rawQuery, "_id", "subject", "identifier")
	if err != nil {
		return Query{}, err
	}
	id, patient, token := params["_id"], params["subject"], params["identifier"]
	switch {
	case at.id != "" && len(params) == 0:
		return Query{ID: at.id}, nil
	case at.id == "" && byID && len(params) == 1 && isID(id):
		return Query{ID: id}, nil
	case at.id == "" && len(params) == 2 && patient != "" && token != "":
		return queryOf(patient, token)
	default:
		return Query{}, &asid.RequestError{Rule: asid.RuleRequest, Detail: "does not say which pointer is meant, or says it twice"}
	}
}

func queryOf(patient, token string) (Query, error) {
	// FHIR reads a comma as "or", and a backslash takes its meaning away.
	if strings.ContainsAny(patient+token, `,\`) || strings.Count(token, "|") != 1 {
		return Query{}, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has an identifier that is not one system|value, or several subjects"}
	}
	system, value, _ := strings.Cut(token, "|")
	for _, s := range []string{patient, system, value} {
		if plain(s) != nil {
			return Query{}, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a parameter with an empty or unclean value"}
		}
	}
	return Query{Subject: patient, Identifier: Identifier{System: system, Value: value}}, nil
}

// parameters reads a query that has only the parameters named and _format, each
// once at most. _format is about the answer and left out.
func parameters(rawQuery string, names ...string) (map[string]string, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a malformed query"}
	}
	params := make(map[string]string, len(values))
	for name, list := range values {
		known := name == "_format"
		for _, n := range names {
			known = known || n == name
		}
		switch {
		case !known:
			return nil, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a parameter that the interaction has not"}
		case len(list) != 1:
			return nil, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a parameter twice"}
		case name != "_format":
			params[name] = list[0]
		}
	}
	return params, nil
}

func contentTypeOf(r *http.Request) (string, error) {
	values := r.Header.Values("Content-Type")
	if len(values) != 1 {
		return "", &MediaTypeError{Detail: "is missing or there twice"}
	}
	return values[0], nil
}

// overridden refuses the headers and the parameter by which some handlers
// replace the method.
func overridden(r *http.Request) error {
	for header := range r.Header {
		// Those that follow CGI read an underscore as a hyphen.
		switch strings.ReplaceAll(strings.ToLower(header), "_", "-") {
		case "x-http-method-override", "x-http-method", "x-method-override":
			return &asid.RequestError{Rule: asid.RuleRequest, Detail: "overrides its method"}
		}
	}
	// Readers differ over what of a query that cannot be parsed whole they keep.
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a malformed query"}
	}
	if values.Has("_method") {
		return &asid.RequestError{Rule: asid.RuleRequest, Detail: "overrides its method"}
	}
	return nil
}

// body reads the whole of r's body.
func (g *Guard) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if len(r.Header.Values("Content-Encoding")) > 0 {
		return nil, &MediaTypeError{Detail: "has a Content-Encoding"}
	}
	most := g.MaxBytes
	if most <= 0 {
		most = defaultMaxBytes
	}
	if r.Body == nil {
		return nil, nil
	}
	if r.ContentLength > most {
		return nil, &BodyError{Detail: "is larger than the limit"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &BodyError{Detail: "is larger than the limit"}
	}
	if err != nil {
		return nil, &BodyError{Detail: "could not be read", Err: err}
	}
	return body, nil
}
