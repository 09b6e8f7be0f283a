// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// That answers are evicted because there are more certificates than are remembered,
// which makes handshakes ask the responder, is logged once.
func TestEvictionOfAnswersIsLoggedOnce(t *testing.T) {
	p := newOCSPPKI(t)
	var log testenv.Log
	server := &ocspServer{}
	s := &revocation.OCSP{Fetcher: server, Time: clock, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	s.Remember(3)
	const says = "OCSP answers are evicted to make room"
	for serial := range int64(6) {
		own, template := *p, *p.leaf.cert
		template.SerialNumber = big.NewInt(1 + serial)
		own.leaf = ocspIssue(t, &template, testca.EC("leaf"), p.ca)
		server.setAnswer(answering(own.good()))
		_, err := s.Status(t.Context(), own.query())
		require.NoError(t, err)
		if serial < 3 {
			assert.Empty(t, log.String())
		}
	}
	assert.Equal(t, 1, strings.Count(log.String(), says), "%s", log.String())
	assert.Contains(t, log.String(), "level=WARN")
}

// What was evicted is fetched again, though the responder has no newer answer than the
// one that its ETag names.
func TestEvictedAnswerIsAskedForOutright(t *testing.T) {
	p := newOCSPPKI(t)
	template := *p.leaf.cert
	template.SerialNumber = big.NewInt(leafSerial)
	other := *p
	other.leaf = ocspIssue(t, &template, testca.EC("leaf"), p.ca)
	about := p
	var hand handClock
	s := &revocation.OCSP{NoNonce: true, Time: hand.now, Fetcher: fetcherFunc(func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
		etag := about.leaf.cert.SerialNumber.String()
		if r.ETag == etag {
			return &revocation.Response{NotModified: true, ETag: etag}, nil
		}
		return &revocation.Response{Body: about.good().DER(), ETag: etag}, nil
	})}
	s.Remember(1)
	for i, asked := range []*ocspPKI{p, &other, p} {
		about = asked
		hand.set(time.Duration(i) * time.Minute)
		a, err := s.Status(t.Context(), revocation.Query{Path: asked.path(), At: hand.now()})
		require.NoError(t, err, "%d", i)
		assert.Equal(t, revocation.Good, a.Status)
	}
}
