// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// served is a CRL that comes at once.
type served []byte

func (s served) Fetch(context.Context, revocation.Request) (*revocation.Response, error) {
	return &revocation.Response{Body: s}, nil
}

// Once takes no list for missing that came while it read what is known. When that is, is
// a matter of chance, above all with the race detector.
func TestOnceWritesWhatComesWhileItReads(t *testing.T) {
	t.Parallel()
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		synctest.Test(t, func(t *testing.T) {
			pki := testpki.Spine()
			const url = "http://crl.example/1.crl"
			leaf := pki.Leaf(sspFQDN, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{url} })
			scope := &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{url}}}
			list := revocationtest.CRL{Issuer: pki.SubCA, Key: testpki.Key("subca"), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour), Scope: scope}
			crls := &revocation.CRLs{Fetcher: served(list.DER()), KeepDER: true}
			root := rootList()
			root.ThisUpdate, root.NextUpdate = list.ThisUpdate, list.NextUpdate
			require.NoError(t, crls.Add(root.DER()))
			keeper := &terminator.Keeper{
				CRLs: crls, Pins: pki.Pins(), Program: terminator.Apache, Certificates: []*x509.Certificate{leaf.Leaf},
				File: filepath.Join(t.TempDir(), "kept.pem"), Reload: func(context.Context, string) error { return nil },
			}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = crls.Run(ctx) })
			require.NoError(t, keeper.Once(ctx))
			cancel()
			running.Wait()
		})
	}
}
