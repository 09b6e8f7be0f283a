// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// serialsOf makes n serials of so many content octets, none of them twice.
func serialsOf(n, octets int) []*big.Int {
	random := rand.New(rand.NewPCG(uint64(n), uint64(octets)))
	seen := map[string]bool{}
	var serials []*big.Int
	for len(serials) < n {
		b := make([]byte, octets)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		b[0] = b[0]&0x7f | 0x40
		if !seen[string(b)] {
			seen[string(b)] = true
			serials = append(serials, new(big.Int).SetBytes(b))
		}
	}
	return serials
}

func sequence(from int64, n int) (serials []*big.Int) {
	for i := range n {
		serials = append(serials, big.NewInt(from+int64(i)))
	}
	return serials
}

// Every serial that is listed is found with its date and reason, and none that
// is not.
func TestCRLIndex(t *testing.T) {
	p := newCRLPKI(t)
	lists := map[string][]*big.Int{
		"one":                       sequence(1, 1),
		"all of one octet":          sequence(0, 128),
		"negative ones":             sequence(-300, 300),
		"in sequence":               sequence(1<<40, 5000),
		"a few":                     serialsOf(33, 16),
		"of every length":           nil,
		"more than a part can hold": serialsOf(70_000, 8),
	}
	for octets := 1; octets <= 32; octets++ {
		lists["of every length"] = append(lists["of every length"], serialsOf(min(60, 1<<(6*octets)), octets)...)
	}
	for _, octets := range []int{2, 4, 7, 8, 9, 15, 16, 17, 20, 21, 24, 25, 31, 32} {
		lists[fmt.Sprintf("of %d octets", octets)] = serialsOf(3000, octets)
	}
	reasons := []revocation.Reason{0, 1, 2, 3, 4, 5, 6, 9, 10}
	for name, serials := range lists {
		t.Run(name, func(t *testing.T) {
			crl := p.ca.crl()
			crl.Entries = nil
			for i, serial := range serials {
				crl.Entries = append(crl.Entries, revocationtest.Entry{
					Serial: serial, Date: ocspNow.Add(-time.Duration(i) * time.Minute), Reason: reasons[i%len(reasons)],
				})
			}
			parsed, err := revocation.ParseCRL(crl.DER())
			require.NoError(t, err)
			require.Equal(t, len(serials), parsed.Entries())
			for i, entry := range crl.Entries {
				date, reason, listed := parsed.Find(revocation.IntegerContent(entry.Serial))
				if !listed || reason != entry.Reason || !date.Equal(entry.Date) {
					t.Fatalf("entry %d, serial %x: got %v %v %v", i, entry.Serial, listed, reason, date)
				}
			}
			present := map[string]bool{}
			for _, serial := range serials {
				present[string(revocation.IntegerContent(serial))] = true
			}
			for _, serial := range serials {
				for _, change := range []int64{1, -1, 256, 1 << 32} {
					other := revocation.IntegerContent(new(big.Int).Add(serial, big.NewInt(change)))
					if _, _, listed := parsed.Find(other); listed != present[string(other)] {
						t.Fatalf("%x: got %v", other, listed)
					}
				}
				b := revocation.IntegerContent(serial)
				for _, other := range [][]byte{b[1:], append([]byte{0}, b...), append(slices.Clone(b), 0)} {
					if _, _, listed := parsed.Find(other); listed != present[string(other)] {
						t.Fatalf("%x: got %v", other, listed)
					}
				}
			}
		})
	}
}

// A serial that is listed many times costs no more to find, and is revoked as it
// is listed first; in a delta CRL revoking comes before taking back.
func TestCRLIndexOfOneSerial(t *testing.T) {
	p := newCRLPKI(t)
	for _, serial := range []int64{leafSerial, 0x4711223344556677} {
		for _, n := range []int{2, 10, 40, 20_000} {
			crl := p.ca.crl()
			for i := range n {
				crl.Entries = append(crl.Entries, revocationtest.Entry{Serial: big.NewInt(serial), Reason: revocation.ReasonSuperseded, Date: ocspNow.Add(-time.Duration(i) * time.Hour)})
			}
			parsed, err := revocation.ParseCRL(crl.DER())
			require.NoError(t, err)
			date, _, listed := parsed.Find(revocation.IntegerContent(big.NewInt(serial)))
			assert.True(t, listed)
			assert.Equal(t, ocspNow, date)
			for i := range int64(500) { // some of which share its bucket
				for _, other := range []int64{serial - 1 - i, serial + 1 + i} {
					_, _, listed = parsed.Find(revocation.IntegerContent(big.NewInt(other)))
					assert.False(t, listed)
				}
			}

			crl.Number, crl.BaseNumber = 2, 1
			for i := range n - 1 {
				crl.Entries[i].Reason = revocation.ReasonRemoveFromCRL
			}
			parsed, err = revocation.ParseCRL(crl.DER())
			require.NoError(t, err)
			_, reason, listed := parsed.Find(revocation.IntegerContent(big.NewInt(serial)))
			assert.True(t, listed)
			assert.Equal(t, revocation.ReasonSuperseded, reason)
		}
	}
}

// Each certificate issuer of an indirect CRL has serials of its own, whatever
// their number.
func TestCRLIndexOfIssuers(t *testing.T) {
	p := newCRLPKI(t)
	crl := inScope(p.ca.crl(), revocationtest.Scope{Indirect: true})
	const issuers = 300
	for i := range issuers {
		crl.Entries = append(crl.Entries, revocationtest.Entry{
			Serial: big.NewInt(int64(1000 + i)), CertificateIssuer: name(t, 12, fmt.Sprint("Issuer ", i)),
		}, revocationtest.Entry{Serial: big.NewInt(7)})
	}
	parsed, err := revocation.ParseCRL(crl.DER())
	require.NoError(t, err)
	require.Equal(t, 2*issuers, parsed.Entries())
	for i := range issuers {
		for j := range issuers {
			require.Equal(t, i == j, parsed.Lists(name(t, 12, fmt.Sprint("ISSUER  ", i)), big.NewInt(int64(1000+j))))
		}
		require.True(t, parsed.Lists(name(t, 12, fmt.Sprint("Issuer ", i)), big.NewInt(7)))
	}
	require.False(t, parsed.Lists(p.ca.cert.RawSubject, big.NewInt(7)))
	require.False(t, parsed.Lists(name(t, 12, "Issuer"), big.NewInt(7)))
}
