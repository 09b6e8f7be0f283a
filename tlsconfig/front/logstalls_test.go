// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// A stalled handler is one of a log whose reader has stopped, or that panics.
type stalled struct {
	slog.Handler
	until  chan struct{}
	panics bool
}

func (*stalled) Enabled(context.Context, slog.Level) bool { return true }

func (h *stalled) Handle(context.Context, slog.Record) error {
	if h.panics {
		panic("no log")
	}
	<-h.until
	return nil
}

// Behind a log that stalls, or panics, a front comes up, and clients are refused with an
// answer: they could otherwise hold as many requests as they send.
func TestALogThatStallsHoldsNoRefusalUp(t *testing.T) {
	t.Parallel()
	pki := spine()
	for name, panics := range map[string]bool{"stalls": false, "panics": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := &stalled{Handler: slog.DiscardHandler, until: make(chan struct{}), panics: panics}
				defer close(log.until)
				f := newFront(pki, front.Nginx)
				f.Logger, f.Secret, f.InsecureNoSecret = slog.New(log), "", true // which is logged, too
				h := f.Handler(f.Middleware(http.NotFoundHandler()))
				for range 3 {
					w := httptest.NewRecorder()
					h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
					assert.Equal(t, http.StatusForbidden, w.Code)
				}
			})
		})
	}
}
