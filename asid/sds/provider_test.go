// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

const content = string(asid.DocumentReferenceContentRead)

// canaryAS is what tells an answer that is empty from an outage.
var canaryAS = sdstest.AS{ASID: "000000000001", ODS: "X26", Interactions: nrlInteractions[:1]}

func TestProvider(t *testing.T) {
	t.Parallel()
	own := sdstest.AS{ASID: "200000000301", ODS: "RR8", PartyKey: "RR8-1", Manufacturer: "SUPA", Interactions: []string{content}}
	second := sdstest.AS{ASID: "200000000302", ODS: "RR8", PartyKey: "RR8-2", Manufacturer: "SUPB", Interactions: []string{content}}
	ownMHS := sdstest.MHS{ODS: "RR8", PartyKey: "RR8-1", Manufacturer: "SUPA", Interaction: content, FQDN: "one.nhs.uk", Endpoints: []string{"https://intermediary.spine.nhs.uk/a"}}
	secondMHS := sdstest.MHS{ODS: "RR8", PartyKey: "RR8-2", Manufacturer: "SUPB", Interaction: content, FQDN: "two.nhs.uk"}
	with := func(change func(*sdstest.MHS), mhs sdstest.MHS) sdstest.MHS { change(&mhs); return mhs }
	for name, c := range map[string]struct {
		as           []sdstest.AS
		mhs          []sdstest.MHS
		record       string
		manufacturer string
		want         sds.Provider
		err          error
	}{
		"of its own": {as: []sdstest.AS{own}, mhs: []sdstest.MHS{ownMHS},
			want: sds.Provider{ASID: mustID("200000000301"), PartyKey: "RR8-1", FQDN: "one.nhs.uk", Address: "https://intermediary.spine.nhs.uk/a"}},
		"with consumer systems beside it": {as: []sdstest.AS{own, {ASID: "200000000309", ODS: "RR8", PartyKey: "RR8-9", Interactions: []string{content}}},
			mhs:  []sdstest.MHS{secondMHS, ownMHS}[1:],
			want: sds.Provider{ASID: mustID("200000000301"), PartyKey: "RR8-1", FQDN: "one.nhs.uk", Address: "https://intermediary.spine.nhs.uk/a"}},
		"with several addresses": {as: []sdstest.AS{own},
			mhs:  []sdstest.MHS{with(func(m *sdstest.MHS) { m.Endpoints = []string{"https://a.nhs.uk", "https://b.nhs.uk"} }, ownMHS)},
			want: sds.Provider{ASID: mustID("200000000301"), PartyKey: "RR8-1", FQDN: "one.nhs.uk", Address: "https://a.nhs.uk"}},
		"behind a system that is shared": {as: []sdstest.AS{own}, mhs: []sdstest.MHS{with(func(m *sdstest.MHS) { m.ODS = "SUPA" }, ownMHS)},
			want: sds.Provider{ASID: mustID("200000000301"), PartyKey: "RR8-1", FQDN: "one.nhs.uk", Address: "https://intermediary.spine.nhs.uk/a"}},
		"of two, by the host of the record": {as: []sdstest.AS{own, second}, mhs: []sdstest.MHS{ownMHS, secondMHS}, record: "https://TWO.nhs.uk/records/1",
			want: sds.Provider{ASID: mustID("200000000302"), PartyKey: "RR8-2", FQDN: "two.nhs.uk"}},
		"of two, by the manufacturer": {as: []sdstest.AS{own, second}, mhs: []sdstest.MHS{ownMHS, secondMHS}, manufacturer: "SUPB",
			want: sds.Provider{ASID: mustID("200000000302"), PartyKey: "RR8-2", FQDN: "two.nhs.uk"}},
		"of two shared ones, by the host": {as: []sdstest.AS{own, second},
			mhs:    []sdstest.MHS{with(func(m *sdstest.MHS) { m.ODS = "SUPA" }, ownMHS), with(func(m *sdstest.MHS) { m.ODS = "SUPB" }, secondMHS)},
			record: "https://two.nhs.uk/records/1", want: sds.Provider{ASID: mustID("200000000302"), PartyKey: "RR8-2", FQDN: "two.nhs.uk"}},
		"of two":                            {as: []sdstest.AS{own, second}, mhs: []sdstest.MHS{ownMHS, secondMHS}, err: sds.ErrAmbiguous},
		"of two, neither the record's host": {as: []sdstest.AS{own, second}, mhs: []sdstest.MHS{ownMHS, secondMHS}, record: "https://intermediary.spine.nhs.uk/a", err: sds.ErrAmbiguous},
		"of one party key with two systems": {as: []sdstest.AS{own, {ASID: "200000000309", ODS: "RR8", PartyKey: "RR8-1", Interactions: []string{content}}},
			mhs: []sdstest.MHS{ownMHS}, err: sds.ErrAmbiguous},
		"without an FQDN":                {as: []sdstest.AS{own}, mhs: []sdstest.MHS{with(func(m *sdstest.MHS) { m.FQDN = "" }, ownMHS)}, err: sds.ErrNoProvider},
		"of another interaction":         {as: []sdstest.AS{own}, mhs: []sdstest.MHS{with(func(m *sdstest.MHS) { m.Interaction = content + " " }, ownMHS)}, err: sds.ErrNoProvider},
		"whose party key has no system":  {mhs: []sdstest.MHS{ownMHS}, err: sds.ErrNoProvider},
		"of nothing":                     {err: sds.ErrNoProvider},
		"at an address that is a number": {as: []sdstest.AS{own}, mhs: []sdstest.MHS{ownMHS}, record: "https://10.0.0.1/records/1", err: sds.ErrInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, f := startFHIR(t, sdstest.Directory{AS: append(c.as, canaryAS), MHS: c.mhs})
			if c.manufacturer != "" {
				f.Manufacturer = ods(c.manufacturer)
			}
			var record *url.URL
			if c.record != "" {
				var err error
				record, err = url.Parse(c.record)
				require.NoError(t, err)
			}
			got, err := f.Provider(t.Context(), ods("RR8"), asid.DocumentReferenceContentRead, record)
			if c.err != nil {
				assert.ErrorIs(t, err, c.err)
				assertCannotTell(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestProviderDuringAnOutage(t *testing.T) {
	t.Parallel()
	standIn, f := startFHIR(t, directory())
	standIn.Fail(sdstest.Empty)
	_, err := f.Provider(t.Context(), ods("RR8"), asid.DocumentReferenceCreate, nil)
	assertCannotTell(t, err)
	assert.NotErrorIs(t, err, sds.ErrNoProvider)
	assert.ErrorIs(t, err, sds.ErrCanary)
}

// What was found for one patient's encounter is not to be used for another's.
func TestAProviderIsFoundAnewUnlessTheCallerSaysForHowLongItIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy sds.Caching
		want   string
	}{
		"by default":            {want: "200000000309"},
		"by default, and stale": {policy: sds.Caching{MaxStale: time.Hour}, want: "200000000309"}, // nothing failed
		"kept":                  {policy: sds.Caching{MaxAge: time.Hour}, want: "200000000205"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			system := sdstest.AS{ASID: "200000000205", ODS: "RR8", PartyKey: "RR8-1", Interactions: []string{string(asid.DocumentReferenceContentRead)}}
			mhs := sdstest.MHS{ODS: "RR8", PartyKey: "RR8-1", FQDN: "provider.example.nhs.uk", Interaction: string(asid.DocumentReferenceContentRead)}
			standIn, f := startFHIR(t, sdstest.Directory{AS: []sdstest.AS{system, canaryAS}, MHS: []sdstest.MHS{mhs}})
			f.Providers = c.policy
			_, err := f.Provider(t.Context(), ods("RR8"), asid.DocumentReferenceContentRead, nil)
			require.NoError(t, err)
			system.ASID = "200000000309"
			standIn.SetDirectory(sdstest.Directory{AS: []sdstest.AS{system, canaryAS}, MHS: []sdstest.MHS{mhs}})
			got, err := f.Provider(t.Context(), ods("RR8"), asid.DocumentReferenceContentRead, nil)
			require.NoError(t, err)
			assert.Equal(t, c.want, got.ASID.String())
		})
	}
}
