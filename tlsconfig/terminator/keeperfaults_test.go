// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
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

// run has an estate going, in a bubble, until the test is over.
func (e *estate) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	for _, run := range []func(context.Context) error{e.crls.Run, e.keeper.Run} {
		go func() {
			assert.ErrorIs(t, run(ctx), context.Canceled)
			done <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		cancel()
		<-done
		<-done
		if t.Failed() {
			t.Log(e.log.String())
		}
	})
}

// after lets a time go by, in a bubble.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// records returns how many records of the log have a text.
func (e *estate) records(text string) (n int) {
	for line := range strings.Lines(e.log.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// naming returns a certificate that names where the SubCA's list is, so that what
// comes from there is held against it.
func naming(pki *testpki.PKI) tls.Certificate {
	return pki.Leaf(sspFQDN, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{subCAURL} })
}

// Whatever is served in place of a list, the file stays, octet by octet, one record
// says why, and the next good list is written.
func TestBadListsLeaveTheFile(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	peer := naming(pki).Leaf
	good := func() revocationtest.CRL { return with(subCAList(7), func(l *revocationtest.CRL) { l.Number = 5 }) }
	sibling := func() revocationtest.CRL { return listBy(pki.Sibling, "sibling", nil) }
	for name, bad := range map[string]func() []byte{
		"another CA's list":       func() []byte { return newer(sibling()).DER() },
		"yesterday's list":        func() []byte { return between(subCAList(), -25*time.Hour, time.Hour, 4).DER() },
		"a list that has run out": func() []byte { return between(subCAList(), -25*time.Hour, -time.Hour, 4).DER() },
		"a forgery": func() []byte {
			return with(newer(subCAList()), func(l *revocationtest.CRL) { l.Key = testpki.Key("sibling") }).DER()
		},
		"HTML":        func() []byte { return []byte("<!doctype html><title>Sign in</title>") },
		"half a list": func() []byte { der := newer(subCAList()).DER(); return der[:len(der)/2] },
		"200 MB":      func() []byte { return make([]byte, 200<<20) },
		"nothing":     func() []byte { return nil },
		"a list that begins tomorrow": func() []byte {
			return between(subCAList(), 24*time.Hour, 48*time.Hour, 9).DER()
		},
		"a list of another shape": func() []byte {
			return with(newer(subCAList()), func(l *revocationtest.CRL) {
				l.Scope = &revocationtest.Scope{OnlySomeReasons: []revocation.Reason{revocation.ReasonKeyCompromise}, PointName: revocationtest.PointName{URLs: []string{subCAURL}}}
			}).DER()
		},
		"an indirect list": func() []byte {
			return with(newer(subCAList()), func(l *revocationtest.CRL) { l.Scope = &revocationtest.Scope{Indirect: true} }).DER()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEstate(t, rootList(), good())
				e.crls.URLs = []string{rootURL}
				e.crls.Logger = e.keeper.Logger
				e.keeper.Certificates = []*x509.Certificate{peer}
				e.run(t)
				after(10 * time.Second)
				before, written := e.read(t), e.records(" written")
				require.Len(t, e.contents(t), 2)
				said := e.records("level=WARN")
				require.Zero(t, said, e.log.String())

				e.serve(subCAURL, bad())
				after(5 * time.Minute)
				assert.Equal(t, before, e.read(t))
				assert.Equal(t, written, e.records(" written"))
				kinds := problems(e.keeper.State())
				switch name {
				case "yesterday's list", "a list that has run out": // it is superseded, which is nothing to say
					assert.Empty(t, kinds)
				default:
					assert.NotEmpty(t, kinds)
					for _, kind := range kinds {
						assert.Equal(t, 1, e.records("msg=\"CRL file of nginx: "+string(kind)), "of %s", kind)
					}
				}

				e.publish(subCAURL, with(newer(subCAList(7, 8)), func(l *revocationtest.CRL) { l.Number = 11 }))
				after(6 * time.Minute)
				assert.Equal(t, written+1, e.records(" written"))
				assert.NotEqual(t, before, e.read(t))
				assert.True(t, e.keeper.State().Complete)
			})
		})
	}
}

// between returns a list of a time from now to another, with a number.
func between(l revocationtest.CRL, from, to time.Duration, number int64) revocationtest.CRL {
	l.ThisUpdate, l.NextUpdate, l.Number = time.Now().Add(from), time.Now().Add(to), number
	return l
}

func TestNothingIsWrittenWhenNothingChanges(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		lasting := func(l *revocationtest.CRL) { l.NextUpdate = time.Now().AddDate(0, 3, 0) }
		e := newEstate(t, with(rootList(), lasting), with(subCAList(7), lasting))
		var told atomic.Int32
		e.keeper.Reload = func(context.Context, string) error { told.Add(1); return nil }
		e.run(t)
		after(10 * time.Second)
		before, err := os.Stat(e.file)
		require.NoError(t, err)
		after(24 * time.Hour)
		now, err := os.Stat(e.file)
		require.NoError(t, err)
		assert.True(t, os.SameFile(before, now))
		assert.Equal(t, before.ModTime(), now.ModTime())
		assert.Equal(t, int32(1), told.Load())
		assert.Equal(t, 1, e.records(" written"))
		assert.Greater(t, e.asked, 2*24*60/2, "each list was asked for all day")
	})
}

func TestTwoKeepersOfOneFile(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList(7))
		second := newEstate(t, rootList(), subCAList(7, 8))
		link := filepath.Join(filepath.Dir(second.file), "link.pem")
		require.NoError(t, os.Symlink(e.file, link))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = e.crls.Run(ctx) }()
		go func() { _ = e.keeper.Run(ctx) }()
		after(10 * time.Second)
		before := e.read(t)

		second.keeper.File = link
		second.run(t)
		after(10 * time.Minute)
		assert.Equal(t, before, e.read(t))
		assert.Equal(t, 1, second.records("another Keeper writes this file"))
		require.ErrorContains(t, second.keeper.State().Problems[0], "another Keeper")

		cancel()
		after(2 * time.Minute)
		assert.NotEqual(t, before, e.read(t), "the second goes on when the first has ended")
		assert.True(t, second.keeper.State().Complete)
		target, err := os.Readlink(link)
		require.NoError(t, err)
		assert.Equal(t, e.file, target, "the link is still one")
	})
}

func TestFileEditedByHandIsWrittenAgain(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	for name, edit := range map[string]func(e *estate, before []byte) []byte{
		"emptied":       func(*estate, []byte) []byte { return nil },
		"garbage":       func(*estate, []byte) []byte { return []byte("#!/bin/sh\n") },
		"cut short":     func(_ *estate, before []byte) []byte { return before[:len(before)/2] },
		"an older list": func(*estate, []byte) []byte { return inPEM(between(subCAList(), -25*time.Hour, time.Hour, 0)) },
		"another CA's added": func(_ *estate, before []byte) []byte {
			return append(bytes.Clone(before), inPEM(listBy(pki.Sibling, "sibling", nil))...)
		},
		"a delta added": func(_ *estate, before []byte) []byte {
			return append(bytes.Clone(before), inPEM(with(newer(subCAList(9)), func(l *revocationtest.CRL) { l.BaseNumber = 1 }))...)
		},
		"another order": func(_ *estate, before []byte) []byte {
			i := bytes.LastIndex(before, []byte("-----BEGIN"))
			return append(bytes.Clone(before[i:]), before[:i]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEstate(t, rootList(), subCAList(7))
				var told atomic.Int32
				e.keeper.Reload = func(context.Context, string) error { told.Add(1); return nil }
				e.run(t)
				after(10 * time.Second)
				before := e.read(t)
				require.NoError(t, os.WriteFile(e.file, edit(e, before), 0o600))
				after(2 * time.Minute)
				assert.Equal(t, before, e.read(t))
				assert.Equal(t, 1, e.records("changed by another hand"))
				assert.True(t, e.keeper.State().Complete)
				assert.Equal(t, int32(2), told.Load(), "the program may have read what was there")
				info, err := os.Stat(e.file)
				require.NoError(t, err)
				assert.Equal(t, os.FileMode(0o644), info.Mode())
			})
		})
	}
}

func TestNewerListPutIntoTheFileByHandCounts(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList(7))
		require.NoError(t, os.WriteFile(e.file, append([]byte("renewed by hand\n"), inPEM(newer(subCAList(7, 8)))...), 0o640))
		e.run(t)
		after(2 * time.Minute)
		lists := e.contents(t)
		require.Len(t, lists, 2)
		assert.Equal(t, 3, len(lists[0].RevokedCertificateEntries)+len(lists[1].RevokedCertificateEntries)+1)
		info, err := os.Stat(e.file)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode(), "the mode of the file is kept")
	})
}

func TestHookThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	for name, hook := range map[string]func(context.Context) error{
		"fails": func(context.Context) error { return errors.New("nginx: configuration file test failed") },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEstate(t, rootList(), subCAList(7))
				var broken atomic.Bool
				var told atomic.Int32
				broken.Store(true)
				e.keeper.Reload = func(ctx context.Context, _ string) error {
					told.Add(1)
					if broken.Load() {
						return hook(ctx)
					}
					return nil
				}
				e.run(t)
				after(30 * time.Minute)
				before := e.read(t)
				require.Len(t, e.contents(t), 2, "the file is not put back")
				assert.Equal(t, 1, e.records("CRL file of nginx: untold"))
				assert.False(t, e.keeper.State().Complete)
				assert.Less(t, told.Load(), int32(25), "less and less often")
				assert.Greater(t, told.Load(), int32(6))
				broken.Store(false)
				after(7 * time.Minute)
				assert.True(t, e.keeper.State().Complete)
				assert.Equal(t, before, e.read(t))
				told.Store(0)
				after(time.Hour)
				assert.Zero(t, told.Load())
			})
		})
	}
}

func TestAProgramThatWasNotToldIsToldAfterARestart(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), subCAList(7))
	told := 0
	var failed error
	e.keeper.Reload = func(context.Context, string) error { told++; return failed }
	failed = errors.New("the program does not run")
	require.ErrorIs(t, e.once(t), failed)
	require.Equal(t, 1, told)
	failed = nil
	restart := func() {
		e.keeper = &terminator.Keeper{CRLs: e.crls, Pins: e.keeper.Pins, Program: terminator.Nginx, File: e.file, Reload: e.keeper.Reload}
	}
	restart()
	require.NoError(t, e.once(t))
	require.Equal(t, 2, told)
	restart()
	require.NoError(t, e.once(t))
	assert.Equal(t, 2, told, "nothing has changed")
}

func TestOtherPinsWhileItRuns(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList(7))
		const newURL = "http://crl.nhs.uk/sibling.crl"
		e.crls.URLs = append(e.crls.URLs, newURL)
		e.run(t)
		after(10 * time.Second)
		before := e.read(t)

		next, err := tlsconfig.NewPins([]*x509.Certificate{pki.Root}, []*x509.Certificate{pki.Sibling})
		require.NoError(t, err)
		e.keeper.Pins.Replace(next)
		after(10 * time.Minute)
		assert.Equal(t, before, e.read(t), "there is no list of the new SubCA yet")
		assert.Equal(t, 1, e.records("CRL file of nginx: missing"))
		assert.False(t, e.keeper.State().Complete)

		e.publish(newURL, listBy(pki.Sibling, "sibling", nil))
		after(10 * time.Minute)
		assert.True(t, e.keeper.State().Complete)
		lists := e.contents(t)
		require.Len(t, lists, 2)
		for _, l := range lists {
			assert.NotEqual(t, pki.SubCA.RawSubject, l.RawIssuer, "the old SubCA is not pinned any more")
		}
	})
}
