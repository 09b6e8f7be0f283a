// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A hundred lists of a thousand entries, or one of a million: the keeper beside the
// same octets written at once, synced and renamed by somebody who has them ready.
func BenchmarkKeeperWrites(b *testing.B) {
	pki := testpki.Spine()
	for _, size := range []struct{ lists, entries int }{{100, 1000}, {1, 1_000_000}} {
		crls := &revocation.CRLs{KeepDER: true}
		require.NoError(b, crls.Add(rootList().DER()))
		for i := range size.lists {
			list := batch(subCAList(), fmt.Sprintf("http://crl.nhs.uk/%d.crl", i))
			for n := range size.entries {
				list.Entries = append(list.Entries, revocationtest.Entry{Serial: big.NewInt(int64(n)<<20 + int64(i) + 1<<60), Date: time.Unix(1e9, 0)})
			}
			require.NoError(b, crls.Add(list.DER()))
		}
		crls.Lists(pki.SubCA, pki.Root)
		file := filepath.Join(b.TempDir(), "crls.pem")
		write := func() {
			k := &terminator.Keeper{CRLs: crls, Pins: pki.Pins(), Program: terminator.Nginx, File: file}
			require.NoError(b, k.Once(context.Background()))
		}
		write()
		text, err := os.ReadFile(file)
		require.NoError(b, err)
		name := fmt.Sprintf("%dx%d", size.lists, size.entries)
		b.Run(name+"/keeper", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				_ = os.Remove(file)
				write()
			}
		})
		b.Run(name+"/octets", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				_ = os.Remove(file)
				f, err := os.CreateTemp(filepath.Dir(file), "")
				require.NoError(b, err)
				_, err = f.Write(text)
				require.NoError(b, err)
				require.NoError(b, f.Sync())
				require.NoError(b, f.Close())
				require.NoError(b, os.Rename(f.Name(), file))
				folder, err := os.Open(filepath.Dir(file))
				require.NoError(b, err)
				_ = folder.Sync()
				require.NoError(b, folder.Close())
			}
		})
		b.Run(name+"/unchanged", func(b *testing.B) {
			write()
			for b.Loop() {
				write()
			}
		})
	}
}
