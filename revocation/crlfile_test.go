// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// Whatever was there before, nothing or a list that is too long to be kept for comparison.
func TestAnEmptyFileIsToldOf(t *testing.T) {
	p := newCRLPKI(t)
	for name, before := range map[string][]byte{
		"at first":          nil,
		"after a long list": append([]byte(strings.Repeat("#\n", 1<<20)), bundle(numbered(p.ca.crl(), 1))...),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				file := filepath.Join(t.TempDir(), "crl.pem")
				require.NoError(t, os.WriteFile(file, before, 0o600))
				var log testenv.Log
				crls := &revocation.CRLs{Files: []string{file}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
				defer running(t, crls.Run)()
				_, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t), At: time.Now()})
				if before == nil {
					require.ErrorContains(t, err, "the file is empty")
				} else {
					require.NoError(t, err)
				}
				require.NoError(t, os.WriteFile(file, nil, 0o600))
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				require.ErrorContains(t, crls.State().Looks[0].Err, "the file is empty")
				require.Contains(t, log.String(), file)
			})
		})
	}
}

// CRL files are read again every minute, and what has become of one that was good
// takes nothing back.
func TestFilesAreFollowed(t *testing.T) {
	p := newCRLPKI(t)
	for name, run := range map[string]bool{"with Run": true, "without Run": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				file := filepath.Join(t.TempDir(), "crl.pem")
				write := func(octets []byte) { require.NoError(t, os.WriteFile(file, octets, 0o600)) }
				var log testenv.Log
				crls := &revocation.CRLs{Files: []string{file}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
				if run {
					defer running(t, crls.Run)()
				}
				status := func() (revocation.Status, error) {
					path := p.leaf(t)
					_, _ = crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
					synctest.Wait() // a look that is due is not waited for
					a, err := crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
					return a.Status, err
				}
				want := func(want revocation.Status) {
					t.Helper()
					got, err := status()
					require.NoError(t, err)
					require.Equal(t, want, got)
				}
				_, err := status()
				require.ErrorContains(t, err, file, "it is not there")

				clear, listed := numbered(p.ca.crl(), 1), numbered(p.ca.crl(leafSerial), 2)
				// As openssl crl -text writes it, with the list of another CA before it.
				text := []byte("\xef\xbb\xbfCertificate Revocation List (CRL):\n    Version 2 (0x1)\n")
				write(slices.Concat(text, bundle(p.other.crl()), []byte("    Version 2 (0x1)\n"), bundle(clear)))
				time.Sleep(time.Minute)
				want(revocation.Good)

				write(bundle(listed))
				time.Sleep(time.Minute)
				want(revocation.Revoked)

				write(bundle(clear))
				time.Sleep(time.Minute)
				want(revocation.Revoked)
				for what, octets := range map[string][]byte{"half a list": bundle(listed)[:100], "nothing": nil} {
					log.Reset()
					write(octets)
					time.Sleep(time.Minute)
					want(revocation.Revoked)
					require.Contains(t, log.String(), file, what)
				}
				require.NoError(t, os.Remove(file))
				time.Sleep(time.Minute)
				want(revocation.Revoked)
				if run {
					return
				}
				state := crls.State()
				require.Len(t, state.Looks, 1)
				require.Equal(t, file, state.Looks[0].URL)
				require.ErrorIs(t, state.Looks[0].Err, os.ErrNotExist)
			})
		})
	}
}
