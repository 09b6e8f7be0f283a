// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/record/recordtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// Behind a log that stalls, or panics, a front comes up, and clients are refused with an
// answer: they could otherwise hold as many requests as they send.
func TestALogThatStallsHoldsNoRefusalUp(t *testing.T) {
	t.Parallel()
	pki := spine()
	recordtest.Stalls(t, func(t *testing.T, log *slog.Logger) {
		f := newFront(pki, front.Nginx)
		f.Logger, f.Secret, f.InsecureNoSecret = log, "", true // which is logged, too
		h := f.Handler(f.Middleware(http.NotFoundHandler()))
		for range 3 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			assert.Equal(t, http.StatusForbidden, w.Code)
		}
	})
}
