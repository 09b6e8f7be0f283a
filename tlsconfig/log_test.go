// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A stalled handler is one of a log whose reader has stopped.
type stalled struct {
	slog.Handler
	called atomic.Int64
	until  chan struct{}
}

func (h *stalled) Handle(context.Context, slog.Record) error {
	h.called.Add(1)
	<-h.until
	return nil
}

func newStalled() *stalled {
	return &stalled{Handler: slog.DiscardHandler, until: make(chan struct{})}
}

func (h *stalled) Enabled(context.Context, slog.Level) bool { return true }

// A log that stalls holds no refused peer's connection for ever, takes the records of
// no other endpoint with it, and ends no renewal of the own certificate.
func TestALogThatStallsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	leaf, stranger := s.subCA.issue(t, sspName).Leaf, s.sibling.issue(t, sspName).Leaf
	older, newer := s.subCA.issue(t, providerName, until(20)), s.subCA.issue(t, providerName)
	synctest.Test(t, func(t *testing.T) {
		log := newStalled()
		var current atomic.Pointer[tls.Certificate]
		current.Store(&older)
		e, told := s.logged(t)
		e.Verifier.Pins = pin(t, []*authority{s.root}, []*authority{s.subCA})
		other := *e
		e.Logger = slog.New(log)
		e.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
		cfg := serverConfig(t, e) // warns of the certificate's expiry
		begun := log.called.Load()
		assert.Positive(t, begun)

		start := time.Now()
		refused(t, e.VerifyPeer(t.Context(), clientPresents(stranger)), tlsconfig.RuleSubCA)
		assert.Equal(t, time.Second+bounded.Grace, time.Since(start))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: 0xC030, HandshakeComplete: true, PeerCertificates: []*x509.Certificate{stranger}}
		w := httptest.NewRecorder()
		e.Middleware(http.NotFoundHandler()).ServeHTTP(w, r)
		assert.Equal(t, http.StatusForbidden, w.Code)
		for range bounded.MaxLate {
			refused(t, e.VerifyPeer(t.Context(), clientPresents(stranger)), tlsconfig.RuleSubCA)
		}
		assert.Less(t, log.called.Load(), int64(bounded.MaxLate/2), "only so many records wait")
		start = time.Now()
		refused(t, e.VerifyPeer(t.Context(), clientPresents(stranger)), tlsconfig.RuleSubCA)
		assert.NoError(t, e.VerifyPeer(t.Context(), clientPresents(leaf)))
		assert.Zero(t, time.Since(start))

		current.Store(&newer)
		for range 2 {
			cert, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
			require.NoError(t, err)
			synctest.Wait()
			assert.Equal(t, newer.Certificate, cert.Certificate)
		}
		refused(t, other.VerifyPeer(t.Context(), clientPresents(stranger)), tlsconfig.RuleSubCA)
		assert.Len(t, told.Records(t), 1)
		close(log.until)
	})
}

// A panicking handler is broken in another way.
type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool  { return true }
func (panicking) Handle(context.Context, slog.Record) error { panic("the log is closed") }

func TestALogThatPanicsChangesNoVerdict(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	e := s.endpoint(t, providerName, sspName)
	e.Logger = slog.New(panicking{slog.DiscardHandler})
	o := handshake(t, plainClient(s.sibling.issue(t, sspName)), serverConfig(t, e))
	refused(t, o.serverErr, tlsconfig.RuleSubCA)
	alert(t, o.clientErr, alertBadCertificate)
}
