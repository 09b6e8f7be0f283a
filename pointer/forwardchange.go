// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// attempts bounds how often one change is judged.
const attempts = 3

// errChanged is a pointer that has another version than was judged.
var errChanged = errors.New("the pointer has changed since it was judged")

// change makes the change that was decided on.
func (f *Forward) change(r *http.Request) (*storeAnswer, error) {
	d, decided := DecisionFrom(r.Context())
	if !decided {
		return nil, &asid.ConfigError{Field: "Forward", Detail: "got a change that no pointer.Guard has decided on"}
	}
	body, err := io.ReadAll(r.Body) // bounded by the guard, and in memory
	if err != nil {
		return nil, &ChangeError{Rule: RuleBody, Action: d.Change.Action, Detail: "could not be read", Err: err}
	}
	judged := d
	for range attempts {
		a, err := f.attempt(r, d, body)
		if err == nil && a.status != http.StatusConflict && a.status != http.StatusPreconditionFailed {
			if !a.mayBeStale(f, d) {
				return a, a.refusal(d.Change.Action, d.target())
			}
		} else if err != nil && !errors.Is(err, errChanged) {
			return nil, err
		}
		next, again := d.Again(r.Context())
		if again != nil {
			return nil, again
		}
		if d.Change.Action == Supersede && next.Stored.ID != judged.Stored.ID {
			break // the body names the pointer that was judged first
		}
		if err == nil && a.mayBeStale(f, d) && next.Stored.Version == d.Stored.Version {
			return a, a.refusal(d.Change.Action, d.target()) // it was something else
		}
		d = next
	}
	return nil, &ChangeError{Rule: RuleConflict, Action: d.Change.Action, Target: d.target(), Detail: "has changed each time that it was judged"}
}

func (d *Decision) target() Query {
	if d.Stored == nil {
		return Query{}
	}
	return Query{ID: d.Stored.ID}
}

// attempt has the server make the change, in one request.
func (f *Forward) attempt(r *http.Request, d *Decision, body []byte) (*storeAnswer, error) {
	switch d.Change.Action {
	case Create:
		return f.post(r, body)
	case Supersede:
		switch f.Supersede {
		case SupersedeByStore:
			return f.post(r, body)
		case SupersedeTransaction:
			return f.transaction(r, d, body)
		default:
			return nil, &ChangeError{Rule: RuleRelatesTo, Action: Supersede, Detail: "is there, but the store does not supersede"}
		}
	case Update:
		return f.update(r, d)
	default:
		if err := f.conditional(f.IfMatch.Delete, d); err != nil {
			return nil, err
		}
		return f.one(r, http.MethodDelete, d, "", nil)
	}
}

// conditional refuses a change that the server would make to any version.
func (f *Forward) conditional(honoured bool, d *Decision) error {
	if honoured || f.AllowUnconditional {
		return nil
	}
	return &ChangeError{Rule: RuleRequest, Action: d.Change.Action, Detail: "is for a change that the store would not make conditional on the version"}
}

func (f *Forward) post(r *http.Request, body []byte) (*storeAnswer, error) {
	out, err := f.request(r, http.MethodPost, f.Backend.JoinPath(fhirpath.DocumentReference), r.Header.Get("Content-Type"), body)
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
			detail += ", so that it is not known whether it made the change"
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

// mayBeStale reports whether the answer may be that of a test which failed: some
// servers have no status of its own for it.
func (a *storeAnswer) mayBeStale(f *Forward, d *Decision) bool {
	return d.Change.Action == Update && f.Update == UpdateJSONPatch &&
		(a.status == http.StatusBadRequest || a.status == http.StatusUnprocessableEntity)
}

// refusal is what the client is answered in place of an answer that is about the
// server and this Forward.
func (a *storeAnswer) refusal(action Action, q Query) error {
	switch {
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		return &ChangeError{Rule: RuleNotFound, Action: action, Target: q, Detail: "is not there any more", Err: ErrNotFound}
	case a.status == http.StatusNotModified:
		return nil
	case a.status >= 300 && a.status < 400, a.status >= 500,
		a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusProxyAuthRequired:
		return &ChangeError{Rule: RuleStore, Action: action, Target: q, Detail: "answered with status " + http.StatusText(a.status)}
	default:
		return nil
	}
}

// stored reads the judged pointer as it is stored, in the format named.
func (f *Forward) stored(ctx context.Context, d *Decision, accept string) (*answerRead, error) {
	resolver := &FHIR{Client: f.Client, Base: f.Backend, MaxBytes: f.MaxBytes}
	a, err := resolver.get(ctx, f.Backend.JoinPath(fhirpath.DocumentReference, d.Stored.ID), accept, noPointer)
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
