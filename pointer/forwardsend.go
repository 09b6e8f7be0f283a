// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// errChanged is a pointer that has another version than was judged.
var errChanged = errors.New("the pointer has changed since it was judged")

func (d *Decision) target() Query {
	if d.Stored == nil {
		return Query{}
	}
	return Query{ID: d.Stored.ID}
}

// conditional refuses a change that the server would make to any version.
func (f *Forward) conditional(honoured bool, d *Decision) error {
	if honoured || f.AllowUnconditional {
		return nil
	}
	return &ChangeError{Rule: RuleRequest, Action: d.Change.Action, Detail: "is for a change that the store would not make conditional on the version"}
}

func (f *Forward) post(r *http.Request, body []byte) (*storeAnswer, error) {
	contentType := r.Header.Get("Content-Type")
	if !harmless(contentType) {
		return nil, &ChangeError{Rule: RuleMediaType, Detail: "is too long, or not printable"}
	}
	out, err := f.request(r, http.MethodPost, f.Backend.JoinPath(fhirpath.DocumentReference), contentType, body)
	if err != nil {
		return nil, err
	}
	return f.send(out)
}

// one sends a request about the judged pointer, if it still has the judged
// version.
func (f *Forward) one(r *http.Request, method string, d *Decision, contentType string, body []byte) (*storeAnswer, error) {
	out, err := f.request(r, method, f.Backend.JoinPath(fhirpath.DocumentReference, d.Stored.ID), contentType, body)
	if err != nil {
		return nil, err
	}
	out.Header.Set("If-Match", etag(d.Stored.Version))
	return f.send(out)
}

// request makes a request to the server. Of r it has the headers that are known
// to be harmless.
func (f *Forward) request(r *http.Request, method string, u *url.URL, contentType string, body []byte) (*http.Request, error) {
	out, err := http.NewRequestWithContext(r.Context(), method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &ChangeError{Rule: RuleStore, Detail: "cannot be asked", Err: err}
	}
	for _, name := range [...]string{"Accept", "Traceparent", "Tracestate", "X-Request-Id", "X-Correlation-Id",
		"Nhsd-Request-Id", "Nhsd-Correlation-Id"} {
		if values := r.Header[name]; len(values) == 1 && harmless(values[0]) {
			out.Header.Set(name, values[0])
		}
	}
	if method != http.MethodGet && method != http.MethodHead && r.URL.Query().Has("_format") { // which the URL of a change has not
		out.Header.Set("Accept", outcome.MediaType(r))
	}
	if prefer := r.Header["Prefer"]; len(prefer) == 1 && (prefer[0] == "return=minimal" || prefer[0] == "return=representation" || prefer[0] == "return=OperationOutcome") {
		out.Header.Set("Prefer", prefer[0])
	}
	if contentType != "" {
		out.Header.Set("Content-Type", contentType)
	}
	return out, nil
}

// harmless reports whether a header's value is bounded and printable.
func harmless(value string) bool { return len(value) <= 1024 && ascii.Printable(value) }

// A storeAnswer is an answer of the server's, read whole.
type storeAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (f *Forward) send(out *http.Request) (*storeAnswer, error) {
	change := out.Method != http.MethodGet && out.Method != http.MethodHead
	fault := func(detail string, err error) (*storeAnswer, error) {
		if change {
			detail += unknownOutcome
		}
		return nil, &ChangeError{Rule: RuleStore, Detail: detail, Err: err}
	}
	resp, err := ask(f.Client, out)
	if err != nil {
		return fault("did not answer", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests {
		return nil, unavailable(resp)
	}
	if resp.StatusCode < 200 {
		return fault("switched protocols", nil)
	}
	most := f.MaxBytes
	if most <= 0 {
		most = defaultMaxAnswer
	}
	a := &storeAnswer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, most+1)); err != nil {
		return fault("broke its answer off", nil)
	}
	if int64(len(a.body)) > most || resp.Header.Get("Content-Encoding") != "" {
		return fault("gave an answer that is larger than the limit, or compressed", nil)
	}
	return a, nil
}

// unknownOutcome is what an answer to a change that says neither yes nor no means.
const unknownOutcome = ", so that it is not known whether it made the change"

// isOfAnother reports whether the answer is a pointer of another id.
func (a *storeAnswer) isOfAnother(id string) bool {
	p, err := (fhir.Reader{Stored: true, Relative: true}).DocumentReference(a.header.Get("Content-Type"), a.body)
	return err == nil && p.ID != id // no pointer, or one that cannot be read, is not another
}

// gone reports whether there is nothing at the URL that was asked.
func (a *storeAnswer) gone() bool {
	return a.status == http.StatusNotFound || a.status == http.StatusGone
}

// refusal is what the client is answered in place of an answer that is about the
// server and this Forward.
func (a *storeAnswer) refusal(action Action, q Query) error {
	switch {
	case a.gone() && q.ID != "" && action == 0:
		return &ChangeError{Rule: RuleNotFound, Target: q, Detail: "is not there any more", Err: ErrNotFound}
	case a.status == http.StatusNotModified: // of a read; outcome refuses it of a change
		return nil
	// The NRL's answer to a search for an NHS number that it does not know. Another
	// one is that of a server without DocumentReferences, or without FHIR.
	case a.gone() && action == 0 && bytes.Contains(a.body, []byte("OperationOutcome")) && bytes.Contains(a.body, []byte("NO_RECORD_FOUND")):
		return nil
	case a.gone(), a.status >= 300 && a.status < 400, a.status >= 500, // the collection is at Backend, whatever the client asked for
		a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusProxyAuthRequired:
		return &ChangeError{Rule: RuleStore, Action: action, Target: q, Detail: "answered with status " + strings.TrimSpace(strconv.Itoa(a.status)+" "+http.StatusText(a.status))}
	default:
		return nil
	}
}

// stored reads the judged pointer as it is stored, in the format named.
func (f *Forward) stored(ctx context.Context, d *Decision, accept string) (*answerRead, error) {
	a, err := get(ctx, f.Client, f.Backend.JoinPath(fhirpath.DocumentReference, d.Stored.ID), accept, noPointer, f.MaxBytes)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, errChanged
	case err != nil:
		if unavailable, _ := errors.AsType[*ChangeError](err); unavailable != nil {
			return nil, err
		}
		return nil, &ChangeError{Rule: RuleStore, Action: d.Change.Action, Target: d.target(), Detail: "did not give the pointer", Err: err}
	case strings.Contains(accept, "json") != strings.Contains(a.contentType, "json"):
		return nil, &ChangeError{Rule: RuleStore, Action: d.Change.Action, Target: d.target(), Detail: "gave the pointer in a format that was not asked for"}
	}
	return a, nil
}
