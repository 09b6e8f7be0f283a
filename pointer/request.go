// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

const (
	defaultMaxBytes = 1 << 20

	// trustedLength is how much is allocated on the word of a Content-Length.
	trustedLength = 64 << 10
)

// A reading is what the guard reads in a request.
type reading struct {
	change      Change
	at          fhirpath.Place
	format      string // the parameter _format; empty if there is none
	contentType string
	body        []byte
	resource    fhir.DocumentReference // of a create or supersede
	pointer     Pointer                // what resource says
}

// read makes a Change of r, and reads its body for that.
func (g *Guard) read(w http.ResponseWriter, r *http.Request) (*reading, error) {
	in := new(reading)
	body, err := g.body(w, r)
	if err != nil {
		return in, err
	}
	in.body = body
	at, ok := fhirpath.Parse(r.URL)
	if !ok {
		return in, requestError(0, "has a path that can be read in two ways, or names a pointer by what is not an id")
	}
	in.at = at
	switch {
	case r.Method == http.MethodPost && at.Typed && at.ID == "":
		err = g.readNew(r, in)
	case r.Method == http.MethodPatch && at.Typed:
		err = g.readUpdate(r, in)
	case r.Method == http.MethodDelete && at.Typed:
		err = g.readDelete(r, in)
	default:
		err = requestError(0, "is none that changes a pointer")
	}
	if err == nil {
		in.change.IfMatch, err = ifMatch(r.Header)
	}
	if e, ok := errors.AsType[*ChangeError](err); ok {
		e.Action = in.change.Action
	}
	return in, err
}

func (g *Guard) readNew(r *http.Request, in *reading) (err error) {
	in.change.Action = Create
	if _, in.format, err = parameters(r.URL.RawQuery); err != nil {
		return err
	}
	if in.contentType, err = contentTypeOf(r); err != nil {
		return err
	}
	if err = g.reader().Read(in.contentType, in.body, &in.resource); err != nil {
		return bodyError(Create, err)
	}
	in.pointer.fill(&in.resource)
	in.change.New = &in.pointer
	if len(in.pointer.RelatesTo) > 0 {
		in.change.Action = Supersede
	}
	return nil
}

func (g *Guard) readUpdate(r *http.Request, in *reading) (err error) {
	in.change.Action = Update
	if err := in.target(r.URL.RawQuery); err != nil {
		return err
	}
	if in.contentType, err = contentTypeOf(r); err != nil {
		return err
	}
	if err := fhir.Update(in.contentType, in.body); err != nil {
		return bodyError(Update, err)
	}
	return nil
}

func (g *Guard) readDelete(r *http.Request, in *reading) error {
	in.change.Action = Delete
	if len(in.body) > 0 {
		return &ChangeError{Rule: RuleBody, Detail: "is there, but a DELETE has none"}
	}
	return in.target(r.URL.RawQuery)
}

// target reads which stored pointer a path and a query mean: exactly one of an id
// in the path, _id for a delete, or subject and identifier.
func (in *reading) target(rawQuery string) error {
	params, format, err := parameters(rawQuery, "_id", "subject", "identifier")
	if err != nil {
		return err
	}
	in.format = format
	id, patient, token := params["_id"], params["subject"], params["identifier"]
	switch {
	case in.at.ID != "" && len(params) == 0:
		in.change.Target = Query{ID: in.at.ID}
	case in.at.ID == "" && in.change.Action == Delete && len(params) == 1 && fhirpath.IsID(id):
		in.change.Target = Query{ID: id}
	case in.at.ID == "" && len(params) == 2 && patient != "" && token != "":
		in.change.Target, err = queryOf(patient, token)
	default:
		err = requestError(0, "does not say which pointer is meant, or says it twice")
	}
	return err
}

func queryOf(patient, token string) (Query, error) {
	// FHIR reads a comma as "or", and a backslash takes its meaning away.
	if strings.ContainsAny(patient+token, `,\`) || strings.Count(token, "|") != 1 {
		return Query{}, requestError(0, "has an identifier that is not one system|value, or several subjects")
	}
	system, value, _ := strings.Cut(token, "|")
	for _, s := range []string{patient, system, value} {
		if !fhir.IsPlain(s) {
			return Query{}, requestError(0, "has a parameter with an empty or unclean value")
		}
	}
	// A relative one is below a base that only the store knows.
	if !strings.HasPrefix(patient, "https://") && !strings.HasPrefix(patient, "http://") {
		return Query{}, requestError(0, "has a subject that is no absolute URL")
	}
	return Query{Subject: patient, Identifier: Identifier{System: system, Value: value}}, nil
}

// parameters reads a query that has only the parameters named and _format, each
// once at most; _format may be there again with the same value.
func parameters(rawQuery string, names ...string) (params map[string]string, format string, err error) {
	if rawQuery == "" {
		return nil, "", nil
	}
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, "", requestError(0, "has a malformed query")
	}
	params = make(map[string]string, len(values))
	for name, list := range values {
		same := len(slices.Compact(slices.Clone(list))) == 1
		switch {
		case name == "_format" && same:
			format = list[0]
		case name != "_format" && !slices.Contains(names, name):
			return nil, "", requestError(0, "has a parameter that the interaction has not")
		case len(list) != 1:
			return nil, "", requestError(0, "has a parameter twice")
		default:
			params[name] = list[0]
		}
	}
	return params, format, nil
}

func contentTypeOf(r *http.Request) (string, error) {
	list := r.Header["Content-Type"]
	if len(list) != 1 || spelled(r.Header, "Content-Type") != 1 {
		return "", &ChangeError{Rule: RuleMediaType, Detail: "is missing, there twice or in another spelling"}
	}
	return list[0], nil
}

// spelled returns how many values the header has, in every spelling that some
// reader takes for it.
func spelled(h http.Header, name string) (n int) {
	for key, list := range h {
		if ascii.EqualHeader(key, name) {
			n += len(list)
		}
	}
	return n
}

// body reads the whole of r's body.
func (g *Guard) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if spelled(r.Header, "Content-Encoding") > 0 {
		return nil, &ChangeError{Rule: RuleMediaType, Detail: "has a Content-Encoding"}
	}
	most := g.MaxBytes
	if most <= 0 {
		most = defaultMaxBytes
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > most {
		return nil, &ChangeError{Rule: RuleBody, Detail: "is larger than the limit"}
	}
	if 0 < r.ContentLength && r.ContentLength <= trustedLength {
		return bodyOf(r.Body, int(r.ContentLength))
	}
	var buffer bytes.Buffer
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, io.NopCloser(r.Body), most))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &ChangeError{Rule: RuleBody, Detail: "is larger than the limit"}
	}
	if err != nil {
		return nil, &ChangeError{Rule: RuleBody, Detail: "could not be read", Err: err}
	}
	if r.ContentLength > 0 && int64(buffer.Len()) != r.ContentLength {
		return nil, &ChangeError{Rule: RuleBody, Detail: "has another length than its Content-Length"}
	}
	return buffer.Bytes(), nil
}

// bodyOf reads a body whose length is known. One of another length would be one
// request to the guard and another to a reader that goes by that.
func bodyOf(r io.Reader, length int) ([]byte, error) {
	body := make([]byte, length+1) // the last byte is not to be there
	n, err := io.ReadFull(r, body)
	switch {
	case err == nil:
		return nil, &ChangeError{Rule: RuleBody, Detail: "is longer than its Content-Length"}
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return nil, &ChangeError{Rule: RuleBody, Detail: "could not be read", Err: err}
	case n < length:
		return nil, &ChangeError{Rule: RuleBody, Detail: "could not be read", Err: io.ErrUnexpectedEOF}
	}
	return body[:length], nil
}
