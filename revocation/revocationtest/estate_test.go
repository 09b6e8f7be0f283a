// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// An estate is a CA under a root, and a Checker that asks its Authority, on a
// virtual clock.
type estate struct {
	t         *testing.T
	authority *revocationtest.Authority
	root, ca  *x509.Certificate
	key       crypto.Signer // of both
	crls      *revocation.CRLs
	checker   *revocation.Checker
}

// onEstate plays a test in a bubble of testing/synctest. The servers are outside,
// since what waits for a socket would keep the bubble's time from passing.
func onEstate(t *testing.T, mirrors int, test func(t *testing.T, e *estate, mirrors []*revocationtest.Mirror)) {
	e := &estate{key: testca.EC("CA")}
	year := func(c *x509.Certificate) *x509.Certificate {
		c.NotBefore, c.NotAfter = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
		return c
	}
	e.root = testca.Sign(year(testca.CA("Root", 1)), nil, e.key.Public(), e.key)
	e.ca = testca.Sign(year(testca.CA("SubCA", 2)), e.root, e.key.Public(), e.key)
	e.authority = revocationtest.NewAuthority(e.ca, e.key)
	t.Cleanup(e.authority.Close)
	var started []*revocationtest.Mirror
	for range mirrors {
		started = append(started, e.authority.NewMirror())
	}
	synctest.Test(t, func(t *testing.T) {
		e.t = t
		e.crls = &revocation.CRLs{Fetcher: e.authority.Fetcher()}
		e.checker = &revocation.Checker{Sources: []revocation.Source{e.crls}, Policy: revocation.Policy{Depth: revocation.EndEntity}}
		ctx, cancel := context.WithCancel(t.Context())
		running := make(chan struct{})
		go func() {
			defer close(running)
			_ = e.crls.Run(ctx)
		}()
		defer func() {
			cancel()
			<-running
			time.Sleep(time.Minute) // requests that hang end with their contexts
		}()
		test(t, e, started)
	})
}

// leaf issues a certificate whose lists are at each of the URLs.
func (e *estate) leaf(urls ...string) *x509.Certificate {
	return testca.Sign(&x509.Certificate{
		SerialNumber: big.NewInt(100), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: e.ca.NotBefore, NotAfter: e.ca.NotAfter,
		CRLDistributionPoints: urls,
	}, e.ca, e.key.Public(), e.key)
}

// check is what a handshake asks, and how long it waited.
func (e *estate) check(leaf *x509.Certificate) (waited time.Duration, err error) {
	e.t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(e.t.Context(), 10*time.Second)
	defer cancel()
	err = e.checker.Check(ctx, []*x509.Certificate{leaf, e.ca, e.root}, nil)
	return time.Since(begun), err
}

func (e *estate) accepted(leaf *x509.Certificate) {
	e.t.Helper()
	_, err := e.check(leaf)
	require.NoError(e.t, err)
}

func (e *estate) revoked(leaf *x509.Certificate, reason revocation.Reason) {
	e.t.Helper()
	_, err := e.check(leaf)
	var revoked *revocation.RevokedError
	require.ErrorAs(e.t, err, &revoked)
	require.Equal(e.t, reason, revoked.Reason)
}

func (e *estate) unknown(leaf *x509.Certificate, kind error) {
	e.t.Helper()
	_, err := e.check(leaf)
	require.ErrorAs(e.t, err, new(*revocation.UnknownError))
	require.ErrorIs(e.t, err, kind)
}

// refreshed lets so much time pass that all sources have been looked after.
func refreshed() {
	time.Sleep(time.Hour + time.Second)
	synctest.Wait()
}
