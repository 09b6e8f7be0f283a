// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"bufio"
	"bytes"
	"fmt"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

// BenchmarkReadLDIF reads an export of 2,000 systems with 300 interactions each. The
// floor is reading its lines.
func BenchmarkReadLDIF(b *testing.B) {
	var d sdstest.Directory
	of := interactions(300)
	for i := range 2_000 {
		d.AS = append(d.AS, sdstest.AS{ASID: fmt.Sprintf("%012d", 1+i), ODS: "RR8", PartyKey: "RR8-1", Interactions: of})
	}
	var text bytes.Buffer
	if err := d.WriteLDIF(&text); err != nil {
		b.Fatal(err)
	}
	b.Run("systems", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			all, err := sds.ReadLDIF(b.Context(), bytes.NewReader(text.Bytes()))
			if err != nil || len(all.Systems) != 2_000 {
				b.Fatal(len(all.Systems), err)
			}
		}
	})
	b.Run("lines", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			lines := 0
			for s := bufio.NewScanner(bytes.NewReader(text.Bytes())); s.Scan(); {
				lines++
			}
			if lines < 600_000 {
				b.Fatal(lines)
			}
		}
	})
}
