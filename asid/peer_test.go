// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// A peerIs is a source that knows one peer.
type peerIs struct{ cert *x509.Certificate }

func (p peerIs) Peer(*http.Request) (*x509.Certificate, error) { return p.cert, nil }

func TestAPeerThatIsNotVerifiedIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		code   string
		rule   string
		closed bool
	}{
		"a source without words":         {errors.New("10.1.2.3 is no proxy of ours"), "ACCESS_DENIED", "peer", false},
		"a rule about the certificate":   {&asidtest.PeerError{Rule: "revocation"}, "ACCESS_DENIED", "revocation", false},
		"a connection that is to close":  {&asidtest.PeerError{Rule: "validity", Close: true}, "ACCESS_DENIED", "validity", true},
		"a version":                      {&asidtest.PeerError{Rule: "version"}, "ACCESS_DENIED_SSL", "version", false},
		"a suite, wrapped":               {fmt.Errorf("10.1.2.3: %w", &asidtest.PeerError{Rule: "suite", Close: true}), "ACCESS_DENIED_SSL", "suite", true},
		"a refusal of this very package": {&asid.RequestError{Rule: asid.RuleHeader, Header: "10.1.2.3"}, "ACCESS_DENIED", "peer", false},
		"a registry's":                   {&asid.RegistryError{Detail: "10.1.2.3"}, "ACCESS_DENIED", "peer", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			logger := slog.New(slog.NewJSONHandler(&log, nil))
			source := asidtest.Peers{Err: c.err}
			a := &asid.Authorizer{Registry: registry(t), Self: nrl, Peers: source, Logger: logger}
			g := &asid.Gate{Self: provider.ASID, Peers: source, Logger: logger}
			next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
			for _, w := range []*httptest.ResponseRecorder{serve(a.Middleware(next), create()), serve(g.Middleware(next), retrieval())} {
				assert.Equal(t, http.StatusForbidden, w.Code)
				assert.Equal(t, c.code, code(w.Body.String()))
				assert.Equal(t, c.closed, w.Header().Get("Connection") == "close")
				assert.NotContains(t, w.Body.String(), "10.1.2.3", "what a source says stays here")
			}
			assert.Contains(t, log.String(), fmt.Sprintf(`"rule":%q`, c.rule))
			assert.Contains(t, log.String(), "the peer could not be verified: ", "the log has why")
		})
	}
}

// A registry's error may have that of its own peer in it, the directory.
func TestARegistrysPeerClosesNoConnectionOfTheSenders(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	a.Registry = failingRegistry{&asidtest.PeerError{Rule: "validity", Close: true}}
	w := serve(a.Middleware(http.NotFoundHandler()), create())
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Empty(t, w.Header().Get("Connection"))
}

func TestASourceThatSaysNothingRefuses(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	a.Peers = peerIs{}
	_, refused := judge(t, a, create())
	assert.Equal(t, asid.RulePeer, requestError(t, refused.err).Rule)
	assert.Equal(t, "ACCESS_DENIED", code(refused.body))
}

func TestTheSourceIsAskedForEachRequest(t *testing.T) {
	t.Parallel()
	source := &countingPeers{}
	a := authorizer(t)
	a.Peers = source
	handler := a.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.Equal(t, http.StatusOK, serve(handler, create()).Code)
	source.err = &asidtest.PeerError{Rule: "revocation", Close: true}
	assert.Equal(t, http.StatusForbidden, serve(handler, create()).Code)
	source.err = nil
	assert.Equal(t, http.StatusOK, serve(handler, create()).Code)
	assert.Equal(t, 3, source.asked)
}

type countingPeers struct {
	asked int
	err   error
}

func (p *countingPeers) Peer(r *http.Request) (*x509.Certificate, error) {
	p.asked++
	return asidtest.Peers{Err: p.err}.Peer(r)
}

func TestUnverifiedPeersAreWarnedOf(t *testing.T) {
	t.Parallel()
	for _, peers := range []asid.PeerSource{asid.InsecureUnverifiedPeers{}, new(asid.InsecureUnverifiedPeers)} {
		var log bytes.Buffer
		a := authorizer(t)
		a.Peers, a.Logger = peers, slog.New(slog.NewJSONHandler(&log, nil))
		handler := a.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		assert.Contains(t, log.String(), "peers are not verified")
		assert.NotContains(t, log.String(), "TestIDs")
		assert.Equal(t, http.StatusOK, serve(handler, create()).Code)
		r := create()
		r.TLS = nil
		assert.Equal(t, http.StatusForbidden, serve(handler, r).Code)
	}
}

func TestTestIDsAreWarnedOf(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(log *slog.Logger, test bool){
		"authorizer": func(log *slog.Logger, test bool) {
			a := authorizer(t)
			a.TestIDs, a.Logger = test, log
			a.Middleware(http.NotFoundHandler())
		},
		"gate": func(log *slog.Logger, test bool) {
			g := &asid.Gate{Self: asid.MustParseID("200000000205"), Peers: asidtest.Peers{}, TestIDs: test, Logger: log}
			g.Middleware(http.NotFoundHandler())
		},
	} {
		for _, test := range []bool{false, true} {
			var log bytes.Buffer
			build(slog.New(slog.NewJSONHandler(&log, nil)), test)
			assert.Equal(t, test, strings.Contains(log.String(), "TestIDs is in use"), "%s: %s", name, log.String())
		}
	}
}
