// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

func TestKeeperWritesOneListOfEachPinnedCA(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), subCAList(7))
	require.NoError(t, e.once(t))
	lists := e.contents(t)
	require.Len(t, lists, 2)
	for _, l := range lists {
		assert.Equal(t, string(l.RawIssuer) == string(e.pki.SubCA.RawSubject), len(l.RevokedCertificateEntries) == 1)
	}
	assert.NotContains(t, string(e.read(t)), "\n\n", "HAProxy takes a blank line for the end")
	state := e.keeper.State()
	assert.True(t, state.Complete)
	assert.Len(t, state.Lists, 2)
	assert.Equal(t, int64(len(e.read(t))), state.Size)
	info, err := os.Stat(e.file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode())
	assert.Empty(t, state.Problems)
}

func TestKeeperWritesNoDeltaAndSaysByHowMuchTheProxyLags(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), subCAList(7))
	delta := with(newer(subCAList(9)), func(l *revocationtest.CRL) { l.BaseNumber = 1 })
	require.NoError(t, e.crls.Add(delta.DER()))
	require.NoError(t, e.once(t))
	require.Len(t, e.contents(t), 2)
	state := e.keeper.State()
	require.Equal(t, []terminator.ProblemKind{terminator.Lag}, problems(state))
	assert.Equal(t, []*big.Int{big.NewInt(9)}, state.Problems[0].Serials)
	assert.Equal(t, 59*time.Minute, state.Problems[0].Lag.Round(time.Minute))
}

// A CA's certificate that was renewed for the same key is pinned beside the one of
// before. The one list is about the peers of both.
func TestRenewedCertificateOfACAHasTheListsOfItsKey(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), batch(subCAList(7), subCAURL))
	renewed := *e.pki.SubCA
	renewed.SerialNumber, renewed.NotAfter = big.NewInt(1<<40), renewed.NotAfter.AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, &renewed, e.pki.Root, renewed.PublicKey, testpki.Key("root"))
	require.NoError(t, err)
	second, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	for _, subCAs := range [][]*x509.Certificate{{e.pki.SubCA, second}, {second, e.pki.SubCA}} {
		pins, err := tlsconfig.NewPins([]*x509.Certificate{e.pki.Root}, subCAs)
		require.NoError(t, err)
		e.keeper = &terminator.Keeper{CRLs: e.crls, Pins: pins, Program: terminator.Nginx, File: e.file, Certificates: []*x509.Certificate{naming(e.pki).Leaf}}
		require.NoError(t, e.once(t))
		require.Len(t, e.contents(t), 2)
		assert.Empty(t, e.keeper.State().Problems)
	}
}

// Pins may be replaced at any moment: lists of the pins of before are not judged by
// those of after.
func TestPinsReplacedWhileAFileIsPlanned(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	cas := []*x509.Certificate{pki.Root}
	after, err := tlsconfig.NewPins(cas, []*x509.Certificate{pki.SubCA, pki.Sibling})
	require.NoError(t, err)
	replaced := 0
	for moment := int32(1); ; moment++ { // at each reading of the clock in turn
		pins, err := tlsconfig.NewPins(cas, []*x509.Certificate{pki.Sibling})
		require.NoError(t, err)
		var readings atomic.Int32
		crls := &revocation.CRLs{KeepDER: true, Time: func() time.Time {
			if readings.Add(1) == moment {
				pins.Replace(after)
			}
			return time.Now()
		}}
		require.NoError(t, crls.Add(inPEM(rootList(), subCAList(), listBy(pki.Sibling, "sibling", nil))))
		readings.Store(0)
		k := &terminator.Keeper{CRLs: crls, Pins: pins, Program: terminator.Nginx, File: filepath.Join(t.TempDir(), "crls.pem")}
		require.NoError(t, k.Once(t.Context()), "replaced at reading %d", moment)
		if readings.Load() < moment {
			break
		}
		replaced++
	}
	assert.Positive(t, replaced)
}

// Two Keepers of one CRLs that pin different CAs each write, and renew, their own lists
// and no others.
func TestTwoKeepersOnOneCRLs(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList())
		const siblingURL = "http://crl.nhs.uk/sibling.crl"
		e.publish(siblingURL, listBy(pki.Sibling, "sibling", nil))
		e.crls.URLs = append(e.crls.URLs, siblingURL)
		pins, err := tlsconfig.NewPins([]*x509.Certificate{pki.Root}, []*x509.Certificate{pki.Sibling})
		require.NoError(t, err)
		second := &terminator.Keeper{CRLs: e.crls, Pins: pins, Program: terminator.Apache, File: e.file + ".2", Logger: e.keeper.Logger}
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		running.Go(func() { _ = second.Run(ctx) })
		e.run(t)
		requireRevoked := func(serials int) {
			for file, ca := range map[string]*x509.Certificate{e.file: pki.SubCA, e.file + ".2": pki.Sibling} {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				lists := listsIn(t, text)
				require.Len(t, lists, 2)
				i := slices.IndexFunc(lists, func(l *x509.RevocationList) bool { return bytes.Equal(l.RawIssuer, ca.RawSubject) })
				require.NotEqual(t, -1, i, "of %s", ca.Subject)
				assert.Len(t, lists[i].RevokedCertificateEntries, serials)
			}
			assert.Empty(t, e.keeper.State().Problems)
			assert.Empty(t, second.State().Problems)
			assert.Zero(t, e.records("level=WARN msg=\"CRL file of"), e.log.String())
		}
		after(10 * time.Second)
		requireRevoked(0)
		e.publish(subCAURL, newer(subCAList(7)))
		e.publish(siblingURL, newer(listBy(pki.Sibling, "sibling", []int64{7})))
		after(2 * time.Minute)
		requireRevoked(1)
	})
}

// Once waits for a Run that is going, and no longer than its context.
func TestOnceBesideRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList())
		e.run(t)
		after(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, e.keeper.Once(ctx), context.DeadlineExceeded)
	})
}

// During an outage a restart changes nothing: the lists of CRLs.URLs, which no
// certificate names, are in the Cache.
func TestKeeperWritesFromTheCacheDuringAnOutage(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), batch(subCAList(7), subCAURL))
	e.crls.KeepDER, e.crls.Cache = false, revocation.DirCache(filepath.Join(t.TempDir(), "cache"))
	require.NoError(t, e.once(t))
	want := e.read(t)
	require.NoError(t, os.Remove(e.file))

	e.serve(rootURL, nil)
	e.serve(subCAURL, nil)
	e.crls = &revocation.CRLs{Fetcher: e, URLs: e.crls.URLs, Cache: e.crls.Cache}
	e.keeper = &terminator.Keeper{CRLs: e.crls, Pins: e.keeper.Pins, Program: terminator.Nginx, File: e.file, Logger: e.keeper.Logger}
	require.NoError(t, e.once(t))
	assert.Equal(t, want, e.read(t))
	assert.Contains(t, problems(e.keeper.State()), terminator.Unfetched)
}
