// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A publisher is a CA whose lists have a lifetime, and who publishes a new one as
// soon as it revokes the leaf.
type publisher struct {
	p        *crlPKI
	lifetime time.Duration
	start    time.Time

	mu      sync.Mutex
	revoked time.Time // zero: not yet
	signed  map[bool][]byte
}

func newPublisher(t testing.TB, lifetime time.Duration) *publisher {
	return &publisher{p: newCRLPKI(t), lifetime: lifetime, start: time.Now(), signed: map[bool][]byte{}}
}

func (c *publisher) revoke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revoked = time.Now()
}

// list returns the list as it was published at a time. The one that revokes is
// the second, and there are no more.
func (c *publisher) list(at time.Time) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	revokes := !c.revoked.IsZero() && !at.Before(c.revoked)
	if c.signed[revokes] == nil {
		list := revocationtest.CRL{Issuer: c.p.ca.cert, Key: c.p.ca.key, Number: 1, ThisUpdate: c.start.Add(-time.Hour)}
		if revokes {
			list.Number, list.ThisUpdate = 2, c.revoked
			list.Entries = []revocationtest.Entry{{Serial: big.NewInt(leafSerial)}}
		}
		list.NextUpdate = list.ThisUpdate.Add(c.lifetime)
		c.signed[revokes] = list.DER()
	}
	return c.signed[revokes]
}

// An answerer answers one request for a URL.
type answerer func(ctx context.Context, r revocation.Request) (*revocation.Response, error)

// now answers with what is published, a mirror with what was some time ago.
func (c *publisher) now() answerer { return c.mirror(0) }
func (c *publisher) mirror(lag time.Duration) answerer {
	return func(context.Context, revocation.Request) (*revocation.Response, error) {
		return &revocation.Response{Body: c.list(time.Now().Add(-lag))}, nil
	}
}

// constant has one ETag for everything that it ever publishes.
func (c *publisher) constant() answerer {
	return func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
		if r.ETag != "" {
			return &revocation.Response{NotModified: true, ETag: r.ETag}, nil
		}
		return &revocation.Response{Body: c.list(time.Now()), ETag: `"constant"`}, nil
	}
}

func hanging(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	<-ctx.Done()
	return nil, &revocation.FetchError{URL: r.URL, Err: ctx.Err()}
}

// A network is a Fetcher of what is behind each URL.
type network struct {
	mu  sync.Mutex
	has map[string]answerer
}

func newNetwork(has map[string]answerer) *network { return &network{has: has} }

func (n *network) set(url string, a answerer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.has[url] = a
}

func (n *network) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	n.mu.Lock()
	answer := n.has[r.URL]
	n.mu.Unlock()
	if answer == nil {
		return nil, &revocation.FetchError{URL: r.URL, StatusCode: 404}
	}
	select { // a network has a little to go
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return answer(ctx, r)
}

// running has the source's Run going, and returns what ends it.
func running(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

// checkAsHandshake is a Check with a handshake's ten seconds.
func checkAsHandshake(t *testing.T, c *revocation.Checker, path []*x509.Certificate) (took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	start := time.Now()
	err = c.Check(ctx, path, nil)
	return time.Since(start), err
}

func isRevoked(err error) bool {
	_, ok := errors.AsType[*revocation.RevokedError](err)
	return ok
}
