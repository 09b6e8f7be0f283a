// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// Middleware guards every request but GET and HEAD, which it passes on as they
// are. It needs [asid.Authorizer.Middleware] outside it. Let pass are the
// interactions of the NRL that change pointers: POST to .../DocumentReference,
// PATCH and DELETE of .../DocumentReference/[id], of
// .../DocumentReference?subject=[patient]&identifier=[system]|[value], and DELETE
// of .../DocumentReference?_id=[id]; and a Bundle posted to BundlePath. Anything
// else is refused: a PUT, an operation, a search by POST, a conditional create,
// a parameter that is unknown or there twice, a header that overrides the method.
// The next handler gets the same body and, from [DecisionFrom], the decision.
func (g *Guard) Middleware(next http.Handler) http.Handler {
	fail := g.ErrorHandler
	if fail == nil {
		fail = WriteError
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		overridden := overridden(r)
		if overridden == nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			next.ServeHTTP(w, r)
			return
		}
		caller, _ := asid.CallerFrom(r.Context())
		if overridden != nil {
			g.record(r.Context(), caller, Change{}, nil, overridden)
			fail(w, r, overridden)
			return
		}
		change, body, err := g.read(w, r)
		if err != nil {
			g.record(r.Context(), caller, change, nil, err)
			fail(w, r, err)
			return
		}
		decision, err := g.Authorize(r.Context(), caller, change)
		if err != nil {
			fail(w, r, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), decisionKey{}, decision))
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.TransferEncoding = nil
		next.ServeHTTP(w, r)
	})
}
