// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/audit"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// A trail is what becomes known of one request, for its record.
type trail struct {
	policy   *Audit
	logger   *slog.Logger
	now      func() time.Time
	received time.Time
	url      url.URL // of the request as it came: a handler may write into its own
	shared   *audit.Request
	request  *body // nil: not recorded
	response *body
	status   int    // of the answer; zero: none was sent
	location string // what its header said of the pointer and the version
	version  string
	aborted  string
}

// newTrail returns the trail of a request, or nil if there is no logger, and the
// request to go on with.
func newTrail(policy *Audit, logger *slog.Logger, now func() time.Time, r *http.Request) (*trail, *http.Request) {
	if logger == nil {
		return nil, r
	}
	if now == nil {
		now = time.Now
	}
	t := &trail{policy: policy, logger: logger, now: now, received: now()}
	if r.URL != nil {
		t.url = *r.URL
	}
	ctx, shared := audit.NewContext(r.Context())
	t.shared = shared
	r = r.WithContext(ctx)
	if n := policy.bodies(); n > 0 {
		t.request, t.response = &body{left: n}, &body{left: n}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &readBody{r.Body, t.request}
		}
	}
	return t, r
}

// refusedWith returns the level and the message of a record.
func refusedWith(err error) (slog.Level, string) {
	if err == nil {
		return slog.LevelInfo, "request authorised"
	}
	switch row, _ := classify(err); row {
	case outcome.InternalError, outcome.Unavailable:
		return slog.LevelError, "request refused"
	}
	return slog.LevelWarn, "request refused"
}

// write writes the record of a request that was judged; err is nil if it could
// pass.
func (t *trail) write(r *http.Request, in *incoming, err error) {
	level, message := refusedWith(err)
	record := t.record(r, in)
	t.answer(record, in)
	if err != nil {
		record.Text("rule", ruleOf(err))
		t.failure(record, err)
	} else {
		rule, text := t.shared.Refusal()
		record.Text("rule", rule)
		record.LongText("error", t.masked(text), maxError)
	}
	t.put(record, r, level, message)
}

// maxError bounds the text of an error in a record, in bytes.
const maxError = 1024

// failure adds why the request failed. What a transport or a registry says of it may
// have its URL.
func (t *trail) failure(record *audit.Record, err error) {
	record.LongText("error", t.masked(errorText(err)), maxError)
}

// masked masks the NHS numbers in a text, unless the policy includes them.
func (t *trail) masked(text string) string {
	if t.policy.nhsNumbers() {
		return text
	}
	return audit.MaskNHSNumbers(text)
}

// put hands the record to the log. If that fails or panics the policy counts it, and
// without a policy the panic goes on.
func (t *trail) put(record *audit.Record, r *http.Request, level slog.Level, message string) {
	// The request may be over, and its context with it.
	ctx := context.WithoutCancel(r.Context())
	if t.policy == nil {
		_ = record.Write(ctx, t.logger.Handler(), t.now(), level, message) // as a slog.Logger does
		return
	}
	failed := true
	defer func() {
		if failed {
			t.policy.failures.Add(1)
			_ = recover()
		}
	}()
	failed = record.Write(ctx, t.logger.Handler(), t.now(), level, message) != nil
}

// record returns a record with what is known of the request.
func (t *trail) record(r *http.Request, in *incoming) *audit.Record {
	record := audit.NewRecord()
	record.Text("id", t.shared.ID())
	record.Time("received", t.received)
	record.Text("method", t.masked(r.Method))
	record.Text("path", t.masked(t.url.EscapedPath()))
	if t.policy != nil && t.policy.IncludeQueries {
		record.Text("query", t.masked(t.url.RawQuery))
	}
	record.Text("remote", r.RemoteAddr)
	record.Text("fqdn", in.names.String())
	record.Text("bound", string(in.bound))
	record.Text("from", in.from.String())
	record.Text("to", in.to.String())
	record.Text("interaction", string(in.observed))
	if in.interaction != in.observed {
		record.Text("claimed", t.masked(string(in.interaction)))
	}
	record.Text("trace", in.trace)
	t.sender(record, in.token)
	if t.policy.nhsNumbers() {
		record.Text("patient", t.patient(r.Context(), in.token))
	}
	return record
}

// sender adds who asks. A token that was not checked may name the citizen anywhere.
func (t *trail) sender(record *audit.Record, token *Token) {
	if token == nil {
		return
	}
	if strings.HasPrefix(token.Organization, organizationPrefix) {
		record.Text("organization", t.masked(token.Organization))
	}
	if strings.HasPrefix(token.User, userPrefix) || token.Resources {
		record.Text("user", t.masked(token.User))
	}
}

// patient returns the NHS number of the context, the query or the token.
func (t *trail) patient(ctx context.Context, token *Token) string {
	if s, _ := ctx.Value(subjectKey{}).(Subject); s.NHSNumber != "" {
		return s.NHSNumber
	}
	// A query that cannot be parsed was refused.
	if query, err := url.ParseQuery(t.url.RawQuery); err == nil {
		for _, name := range []string{"subject", "subject:identifier", "patient"} {
			if value := query.Get(name); value != "" {
				return value[strings.LastIndexAny(value, "/|")+1:]
			}
		}
	}
	if token == nil {
		return ""
	}
	return strings.TrimPrefix(withHTTPS(token.Patient), patientPrefix)
}

// answered notes what is sent with the header of the answer.
func (t *trail) answered(status int, header http.Header) {
	t.status, t.location, t.version = status, header.Get("Location"), versionOf(header)
}

// answer adds what is known of the answer.
func (t *trail) answer(record *audit.Record, in *incoming) {
	record.Text("pointer", t.pointer(in))
	if t.status != 0 {
		record.Number("status", int64(t.status))
	}
	record.Text("version", t.version)
	record.Text("aborted", t.aborted)
	if t.request != nil {
		// What is not printable takes three times the room.
		record.LongText("request", t.request.taken(), 3*t.policy.bodies())
		record.LongText("response", t.response.taken(), 3*t.policy.bodies())
	}
}

// pointer returns the logical id that the request is about. A client may
// put an NHS number in its place.
func (t *trail) pointer(in *incoming) string {
	id := idOf(t.location)
	if id == "" {
		id = in.pointer
	}
	return t.masked(id)
}

// idOf returns the logical id in the URL of a DocumentReference.
func idOf(location string) string {
	_, rest, found := strings.Cut(location, "/DocumentReference/")
	if !found {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	id, _, _ = strings.Cut(id, "?")
	return id
}

// versionOf returns the version that an answer names.
func versionOf(answer http.Header) string {
	if tag := answer.Get("ETag"); tag != "" {
		return tag
	}
	_, history, _ := strings.Cut(answer.Get("Content-Location"), "/_history/")
	return history
}
