// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// Middleware guards every request but GET and HEAD, which it passes on as they
// are, except for a body, which none has in FHIR. It needs
// [asid.Authorizer.Middleware] outside it. Let pass are the interactions of the NRL
// that change pointers: POST to .../DocumentReference, PATCH and DELETE of
// .../DocumentReference/[id], of
// .../DocumentReference?subject=[patient]&identifier=[system]|[value], and DELETE of
// .../DocumentReference?_id=[id]. Anything else is refused: a PUT, a Bundle, an
// operation, a search by POST, a conditional create, a parameter that is unknown
// or there twice, a header that overrides method or URL or has a server change
// more than the pointer, a switch of protocols.
//
// What the next handler gets names the judged pointer and nothing else: an update
// or a delete goes to .../DocumentReference/[id] whatever it was found by, with
// an If-Match of the judged version in place of the client's, which the guard has
// judged; a new pointer has no id, meta.versionId and meta.lastUpdated any more;
// the relatesTo of a supersede has the old pointer's logical id and nothing else.
// Connection and Proxy-Connection do not go on: they could name a header that a proxy
// is then to drop.
// The handler finds the decision by [DecisionFrom]. It cannot hijack the
// connection.
//
// A guard that [Guard.Validate] finds fault with refuses every change with 500.
func (g *Guard) Middleware(next http.Handler) http.Handler {
	fail := g.ErrorHandler
	if fail == nil {
		fail = WriteError
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := asid.CallerFrom(r.Context())
		if override := fhirpath.Override(r); override != "" {
			err := requestError(0, override)
			g.record(r.Context(), caller, Change{}, nil, err)
			fail(w, r, err)
			return
		}
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(&bound{w}, fhirpath.WithoutBodyOfRead(r))
			return
		}
		in, err := g.read(w, r)
		if err == nil && !outcome.Acceptable(r) {
			err = &ChangeError{Rule: RuleMediaType, Action: in.change.Action, Detail: "of the answer is none that is served"}
		}
		if err != nil {
			g.record(r.Context(), caller, in.change, nil, err)
			fail(w, r, err)
			return
		}
		decision, err := g.Authorize(r.Context(), caller, in.change)
		if err != nil {
			fail(w, r, err)
			return
		}
		judged, err := g.asJudged(r, in, decision)
		if err != nil {
			g.record(r.Context(), caller, in.change, nil, err)
			fail(w, r, err)
			return
		}
		next.ServeHTTP(&bound{w}, judged)
	})
}

// A bound response writer has no way to the connection: what is written to that
// after the request is no request that was judged. It has no Unwrap, by which
// [http.ResponseController] would find one.
type bound struct{ http.ResponseWriter }

// FlushError implements what [http.ResponseController.Flush] looks for.
func (b *bound) FlushError() error { return http.NewResponseController(b.ResponseWriter).Flush() }

// Flush implements [http.Flusher].
func (b *bound) Flush() { _ = b.FlushError() }
