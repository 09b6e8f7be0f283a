// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// Each fault through the whole stack: sockets, HTTPFetcher, DirCache, both
// sources, Checker and Run.
func TestFaultsEndToEnd(t *testing.T) {
	ca := ocspIssue(t, &x509.Certificate{Subject: ocspCA("E2E").Subject, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}, testca.RSA("ca"), nil)
	for fault := revocationtest.None + 1; fault <= revocationtest.TryLater; fault++ {
		t.Run(fault.String(), func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			a := revocationtest.NewAuthority(ca.cert, ca.key)
			leaf := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(5), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
				CRLDistributionPoints: []string{a.CRLURL(7)}, OCSPServer: []string{a.OCSPURL()}}, testca.RSA("leaf"), ca)
			dir := revocation.DirCache(t.TempDir() + "/c")
			sources := func() (*revocation.OCSP, *revocation.CRLs) {
				f := &revocation.HTTPFetcher{Hosts: revocation.AllowHosts(a.URL[len("http://"):])}
				return &revocation.OCSP{Fetcher: f, Cache: dir}, &revocation.CRLs{Fetcher: f, Cache: dir, MaxBytes: 1 << 20}
			}
			check := func(limit time.Duration, sources ...revocation.Source) error {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				return (&revocation.Checker{Sources: sources, Policy: revocation.Policy{Agreement: revocation.EverySource}}).
					Check(ctx, []*x509.Certificate{leaf.cert, ca.cert}, nil)
			}
			a.Fail(fault)
			o, c := sources()
			require.ErrorAs(t, check(300*time.Millisecond, o), new(*revocation.UnknownError))
			if fault < revocationtest.UnknownSerial { // those are of OCSP alone
				require.ErrorAs(t, check(300*time.Millisecond, c), new(*revocation.UnknownError))
			}
			a.Fail(revocationtest.None)
			o, c = sources()
			require.NoError(t, check(time.Minute, o, c))
			o.Settle()
			c.Settle()
			a.Fail(fault)
			o, c = sources()
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{}, 2)
			go func() { o.Run(ctx); done <- struct{}{} }()
			go func() { c.Run(ctx); done <- struct{}{} }()
			require.NoError(t, check(time.Minute, o, c), "the cached answer is good")
			stop()
			<-done
			<-done
			a.Close()
			leaked := goleak.Find(ignore) // it waits for half a second; a cancelled dial may take longer to end
			for range 60 {
				if leaked == nil {
					break
				}
				leaked = goleak.Find(ignore)
			}
			require.NoError(t, leaked)
		})
	}
}
