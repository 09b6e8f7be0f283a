// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestEntryTimes(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := p.subject(t)
	for _, c := range []struct {
		tag   byte
		value string
		want  string // RFC 3339; empty: refused
	}{
		{0x17, "500101000000Z", "1950-01-01T00:00:00Z"},
		{0x17, "991231235959Z", "1999-12-31T23:59:59Z"},
		{0x17, "000229120000Z", "2000-02-29T12:00:00Z"},
		{0x17, "240229120000Z", "2024-02-29T12:00:00Z"},
		{0x17, "491231235959Z", "2049-12-31T23:59:59Z"},
		{0x18, "20500101000000Z", "2050-01-01T00:00:00Z"},
		{0x18, "41270101000000Z", "4127-01-01T00:00:00Z"},
		{0x17, "250229120000Z", ""},
		{0x17, "250431120000Z", ""},
		{0x17, "250001120000Z", ""},
		{0x17, "251301120000Z", ""},
		{0x17, "251601120000Z", ""},
		{0x17, "250100120000Z", ""},
		{0x17, "250132120000Z", ""},
		{0x17, "250101240000Z", ""},
		{0x17, "250101126000Z", ""},
		{0x17, "250101120060Z", ""},
		{0x17, "2501011200Z", ""},
		{0x17, "250101120000+0000", ""},
		{0x17, "250101120000", ""},
		{0x17, "250101120000z", ""},
		{0x17, "25010112000 Z", ""},
		{0x17, "+50101120000Z", ""},
		{0x17, "2501011200/0Z", ""},
		{0x17, "2501011200:0Z", ""},
		{0x17, "2:0101120000Z", ""},
		{0x17, "2501010:0000Z", ""},
		{0x17, "25010112000:Z", ""},
		{0x17, "20500101000000Z", ""},
		{0x16, "20500101000000Z", ""},
		{0x18, "20491231235959Z", "2049-12-31T23:59:59Z"},
		{0x18, "20501231235959.5Z", ""},
		{0x18, "205012312359Z", ""},
		{0x18, "+0500101000000Z", ""},
		{0x18, "20500230000000Z", ""},
		{0x18, "500101000000Z", ""},
		{0x18, "41280101000000Z", ""},
	} {
		for _, long := range []bool{false, true} {
			t.Run(fmt.Sprintf("%02x %s, many entries: %v", c.tag, c.value, long), func(t *testing.T) {
				listed := p.ca.crl(leafSerial)
				if long { // so that the entry is read by the short way where that can be
					listed = p.ca.crl(leafSerial, 1, 2, 3, 4, 5)
				}
				list := dertest.Parse(listed.DER())
				date := list.At(0, tbsRevoked, 0, 1)
				date.Tag, date.Content = c.tag, []byte(c.value)
				l, err := crl.Parse(resignedCRL(list, p), "test")
				if c.want == "" {
					requireError(t, err, der.ErrMalformed)
					return
				}
				require.NoError(t, err)
				entry, ok := l.Find(leaf)
				require.True(t, ok)
				require.Equal(t, c.want, entry.Time.Format(time.RFC3339))
			})
		}
	}
}

// Both times of the list are read in both forms (RFC 5280 section 5.1.2.4).
func TestListTimes(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	list := dertest.Parse(p.ca.crl(1).DER())
	*list.At(0, tbsThisUpdate) = dertest.Node{Tag: 0x18, Content: []byte("20260601000000Z")}
	*list.At(0, tbsNextUpdate) = dertest.Node{Tag: 0x18, Content: []byte("20260602000000Z")}
	l, err := crl.Parse(resignedCRL(list, p), "test")
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC), l.ThisUpdate())
	require.Equal(t, time.Date(2026, time.June, 2, 0, 0, 0, 0, time.UTC), l.NextUpdate())
	require.Zero(t, read(t, with(p.ca.crl(), func(c *revocationtest.CRL) { c.NoNextUpdate = true })).NextUpdate())
}
