// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// BenchmarkKeeperWrites has a Keeper write a hundred lists of a thousand entries, or
// one of a million, in turns with a program that has the same octets ready and writes,
// syncs and renames them. What is reported are the fastest of each, in milliseconds, the
// one as a multiple of the other, and how long a Keeper takes that finds the file as it
// must be.
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
		keep := func() {
			k := &terminator.Keeper{CRLs: crls, Pins: pki.Pins(), Program: terminator.Nginx, File: file}
			require.NoError(b, k.Once(context.Background()))
		}
		keep()
		text, err := os.ReadFile(file)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("%dx%d", size.lists, size.entries), func(b *testing.B) {
			var keeper, octets, unchanged []float64
			for b.Loop() {
				require.NoError(b, os.Remove(file))
				keeper = append(keeper, milliseconds(keep))
				unchanged = append(unchanged, milliseconds(keep))
				require.NoError(b, os.Remove(file))
				octets = append(octets, milliseconds(func() { writeOctets(b, file, text) }))
			}
			b.ReportMetric(0, "ns/op") // of all three
			b.ReportMetric(slices.Min(keeper), "keeper-ms")
			b.ReportMetric(slices.Min(octets), "octets-ms")
			b.ReportMetric(slices.Min(unchanged), "unchanged-ms")
			b.ReportMetric(slices.Min(keeper)/slices.Min(octets), "x")
		})
		b.Run(fmt.Sprintf("%dx%d/memory", size.lists, size.entries), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, os.Remove(file))
				keep()
			}
		})
	}
}

func milliseconds(do func()) float64 {
	start := time.Now()
	do()
	return time.Since(start).Seconds() * 1000
}

// writeOctets puts a file in the place of another, as safely as a Keeper does.
func writeOctets(b *testing.B, file string, text []byte) {
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
