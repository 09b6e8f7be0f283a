// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

func export(t *testing.T, d sdstest.Directory) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, d.WriteLDIF(&text))
	return text.String()
}

func TestSnapshotIsARegistry(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "export.ldif")
	require.NoError(t, os.WriteFile(name, []byte(export(t, directory())), 0o600))
	_, ldap := startLDAP(t, sdstest.SlapdConfig{Directory: directory(), SizeLimit: -1})
	for from, source := range map[string]func(context.Context) (sds.Systems, error){
		"an export":     sds.LDIF(name),
		"the directory": ldap.Systems,
	} {
		t.Run(from, func(t *testing.T) {
			s := &sds.Snapshot{Source: source}
			_, err := s.Lookup(t.Context(), rr8ID)
			assertCannotTell(t, err)
			require.NoError(t, s.Load(t.Context()))
			assert.NoError(t, asidtest.TestRegistry(s, rr8(), rxa()))
			assert.True(t, lookup(t, s, canaryID).Unbound)
		})
	}
}

// Of a directory with 1,202 records, a limit of 500 stops the paged search, too.
func TestSnapshotOfALargeDirectory(t *testing.T) {
	t.Parallel()
	var d sdstest.Directory
	for i := range 1202 {
		d.AS = append(d.AS, sdstest.AS{ASID: fmt.Sprintf("%012d", 400_000_000_000+int64(i)), ODS: "RR8", Interactions: nrlInteractions})
	}
	slapd, ldap := startLDAP(t, sdstest.SlapdConfig{Directory: d})
	_, err := ldap.Systems(t.Context())
	assertCannotTell(t, err)
	require.ErrorIs(t, err, sds.ErrPartial)
	slapd.Stop()
	slapd.Config.SizeLimit = -1
	require.NoError(t, slapd.Start())
	all, err := ldap.Systems(t.Context())
	require.NoError(t, err)
	assert.Len(t, all.Systems, 1202)
}

func TestReadLDIF(t *testing.T) {
	t.Parallel()
	whole := export(t, directory())
	as := func(asid, interaction string) string {
		return "dn: uniqueIdentifier=" + asid + ",ou=Services,o=nhs\nobjectClass: nhsAs\nuniqueIdentifier: " + asid + "\nnhsIDCode: RR8\nnhsAsSvcIA: " + interaction + "\n\n"
	}
	create := string(asid.DocumentReferenceCreate)
	for name, c := range map[string]struct {
		text      string
		systems   int
		ambiguous int
		dropped   int
		bad       bool
	}{
		"whole":                            {text: whole, systems: 3},
		"with a version and a comment":     {text: "version: 1\n# an export\n#  of ours\n\n" + whole, systems: 3},
		"without an empty line at its end": {text: strings.TrimRight(whole, "\n") + "\n", bad: true},
		"cut off":                          {text: whole[:len(whole)-5], bad: true},
		"cut off between two lines":        {text: whole[:strings.LastIndex(strings.TrimRight(whole, "\n"), "\n")+1], bad: true},
		"cut off within the empty line":    {text: strings.TrimRight(whole, "\n") + "\n\r", bad: true},
		"with a comment at its end":        {text: whole + "# the end\n", systems: 3},
		"with CRLF":                        {text: strings.ReplaceAll(whole, "\n", "\r\n"), systems: 3},
		"with lines that go on":            {text: strings.ReplaceAll(whole, "DocumentReference", "Document\n Ref\n erence"), systems: 3},
		"with a record three times":        {text: strings.Repeat(as("200000000205", create), 3), systems: 1},
		"with a record that says another thing": {text: as("200000000205", create) + as("200000000205", create+"x") + as("200000000206", create),
			systems: 1, ambiguous: 1},
		"with such a record three times":  {text: as("200000000205", create) + as("200000000205", create+"x") + as("200000000205", create), ambiguous: 1},
		"with an ASID that is none":       {text: as("20000000020", create) + as("200000000206", create), systems: 1, dropped: 1},
		"with two organisations":          {text: strings.Replace(as("200000000205", create), "nhsAsSvcIA", "nhsIDCode: RR9\nnhsAsSvcIA", 1), ambiguous: 1},
		"empty":                           {text: ""},
		"with changes":                    {text: "dn: o=nhs\nchangetype: delete\n\n", bad: true},
		"of another version":              {text: "version: 2\n\n" + whole, bad: true},
		"without a name":                  {text: "objectClass: nhsAs\n\n", bad: true},
		"with two names in one record":    {text: "dn: o=nhs\ndn: o=x\n\n", bad: true},
		"with a value elsewhere":          {text: "dn: o=nhs\no:< file:///etc/passwd\n\n", bad: true},
		"with Base64 that is none":        {text: "dn: o=nhs\no:: !\n\n", bad: true},
		"with a line that is none":        {text: "dn: o=nhs\nnonsense\n\n", bad: true},
		"with a part of a value's values": {text: strings.Replace(as("200000000205", create), "nhsAsSvcIA", "nhsAsSvcIA;range=0-99", 1), bad: true},
		"with a value without an end":     {text: "dn: o=nhs\no: " + strings.Repeat("x", 2<<20), bad: true},
		"with a value that goes on":       {text: "dn: o=nhs\no: " + strings.Repeat("x\n ", 1<<20), bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, err := sds.ReadLDIF(t.Context(), strings.NewReader(c.text))
			if c.bad {
				assertCannotTell(t, err)
				return
			}
			require.NoError(t, err)
			assert.Len(t, all.Systems, c.systems)
			assert.Len(t, all.Ambiguous, c.ambiguous)
			assert.Equal(t, c.dropped, all.Dropped)
		})
	}
}

func FuzzReadLDIF(f *testing.F) {
	f.Add([]byte("version: 1\n\ndn: o=nhs\nobjectClass: nhsAs\nuniqueIdentifier:: MjAwMDAwMDAwMjA1\nnhsAsSvcIA: urn:a1:b\n c\n\n"))
	f.Add([]byte("#\n \ndn:o=nhs\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := sds.ReadLDIF(t.Context(), bytes.NewReader(text))
		if err != nil {
			assertCannotTell(t, err)
			return
		}
		_, err = asid.NewMemory(all.Systems...)
		assert.NoError(t, err)
	})
}

func TestAmbiguousASIDIsNotUnknown(t *testing.T) {
	t.Parallel()
	s := &sds.Snapshot{Source: func(context.Context) (sds.Systems, error) {
		return sds.Systems{Systems: []asid.System{rr8()}, Ambiguous: []asid.ID{rxaID}}, nil
	}}
	require.NoError(t, s.Load(t.Context()))
	_, err := s.Lookup(t.Context(), rxaID)
	assertCannotTell(t, err)
	assert.ErrorIs(t, err, sds.ErrAmbiguous)
	_, err = s.Lookup(t.Context(), unknownID)
	assert.ErrorIs(t, err, asid.ErrNotFound)

	s = &sds.Snapshot{Source: func(context.Context) (sds.Systems, error) {
		return sds.Systems{Systems: []asid.System{rr8()}, Ambiguous: []asid.ID{rr8ID}}, nil
	}}
	err = s.Load(t.Context())
	assertCannotTell(t, err)
	assert.ErrorIs(t, err, sds.ErrAmbiguous, "a system cannot be both")
}

var errAway = errors.New("the directory is away")

func TestSnapshotGetsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		s := &sds.Snapshot{MaxAge: 2 * time.Hour, Interval: 30 * time.Minute, Source: func(context.Context) (sds.Systems, error) {
			time.Sleep(time.Minute)
			if failing.Load() {
				return sds.Systems{}, errAway
			}
			return sds.Systems{Systems: []asid.System{rr8()}}, nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(5 * time.Hour)
		lookup(t, s, rr8ID)
		failing.Store(true)
		time.Sleep(90 * time.Minute)
		lookup(t, s, rr8ID)
		assert.Error(t, s.Err())
		time.Sleep(time.Hour)
		_, failure := s.Lookup(t.Context(), rr8ID)
		assertCannotTell(t, failure)
		assert.ErrorIs(t, failure, errAway)
		failing.Store(false)
		time.Sleep(time.Hour)
		lookup(t, s, rr8ID)
		cancel()
		assert.ErrorIs(t, <-done, context.Canceled)
	})
}

// An export that is no longer replaced is read again and again.
func TestAnExportIsAsOldAsItsFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "export.ldif")
	require.NoError(t, os.WriteFile(name, []byte(export(t, directory())), 0o600))
	aged := func(age time.Duration) {
		t.Helper()
		at := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(name, at, at))
	}
	s := &sds.Snapshot{Source: sds.LDIF(name), MaxAge: 24 * time.Hour}
	aged(25 * time.Hour)
	err := s.Load(t.Context())
	assertCannotTell(t, err)
	assert.ErrorContains(t, err, "out of date")
	aged(23 * time.Hour)
	require.NoError(t, s.Load(t.Context()))
	lookup(t, s, rr8ID)
	aged(-time.Hour) // the clock of another machine
	require.NoError(t, s.Load(t.Context()))
	aged(25 * time.Hour)
	assertCannotTell(t, s.Load(t.Context()))
	lookup(t, s, rr8ID)
	patient := &sds.Snapshot{Source: sds.LDIF(name), MaxAge: 26 * time.Hour}
	assert.NoError(t, patient.Load(t.Context()))
}

func TestSnapshotOfADirectoryThatWasCutOff(t *testing.T) {
	t.Parallel()
	systems := make([]asid.System, 100)
	for i := range systems {
		systems[i] = asid.System{ASID: mustID(fmt.Sprintf("%012d", 1+i)), Unbound: true}
	}
	n := 100
	s := &sds.Snapshot{Source: func(context.Context) (sds.Systems, error) { return sds.Systems{Systems: systems[:n]}, nil }}
	for _, c := range []struct {
		systems int
		taken   bool
	}{{100, true}, {90, true}, {80, false}, {81, true}, {0, false}, {100, true}} {
		n = c.systems
		err := s.Load(t.Context())
		assert.Equal(t, c.taken, err == nil, "%d: %v", n, err)
		if !c.taken {
			assert.ErrorIs(t, err, sds.ErrPartial)
		}
	}
}

// What was cut off is not taken for the whole because the whole has become too old.
func TestAnExpiredSnapshotTakesNoDirectoryThatWasCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := []asid.System{rr8(), rxa()}
		n := 2
		source := func(context.Context) (sds.Systems, error) { return sds.Systems{Systems: all[:n]}, nil }
		s := &sds.Snapshot{MaxAge: time.Hour, Source: source}
		require.NoError(t, s.Load(t.Context()))
		time.Sleep(2 * time.Hour)
		n = 1
		assert.ErrorIs(t, s.Load(t.Context()), sds.ErrPartial)
		_, err := s.Lookup(t.Context(), rxaID)
		assertCannotTell(t, err)
		n = 2
		require.NoError(t, s.Load(t.Context()))
		lookup(t, s, rxaID)
		n = 1
		assert.NoError(t, (&sds.Snapshot{MaxAge: time.Second, Source: source}).Load(t.Context()), "a new one takes it")
		time.Sleep(2 * time.Hour)
	})
}

// A directory may hide an attribute alone.
func TestSnapshotOfADirectoryThatLostAnAttribute(t *testing.T) {
	t.Parallel()
	for lost, lose := range map[string]func(*asid.System){
		"the FQDNs":         func(s *asid.System) { s.FQDNs, s.Unbound = nil, true },
		"the interactions":  func(s *asid.System) { s.Interactions = nil },
		"the organisations": func(s *asid.System) { s.ODS = nil },
	} {
		whole := 100
		s := &sds.Snapshot{Source: func(context.Context) (sds.Systems, error) {
			systems := make([]asid.System, 100)
			for i := range systems {
				systems[i] = rr8()
				systems[i].ASID = mustID(fmt.Sprintf("%012d", 1+i))
				if i >= whole {
					lose(&systems[i])
				}
			}
			return sds.Systems{Systems: systems}, nil
		}}
		for _, c := range []struct {
			whole int
			taken bool
		}{{50, true}, {45, true}, {40, false}, {0, false}, {41, true}} {
			whole = c.whole
			err := s.Load(t.Context())
			assert.Equal(t, c.taken, err == nil, "%s, %d: %v", lost, whole, err)
			if !c.taken {
				assert.ErrorIs(t, err, sds.ErrPartial)
			}
		}
	}
}

func TestARunTriesAgainSoonerThanItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads []time.Duration
		start := time.Now()
		s := &sds.Snapshot{Interval: time.Hour, Source: func(context.Context) (sds.Systems, error) {
			if reads = append(reads, time.Since(start)); len(reads) < 3 {
				return sds.Systems{}, errAway
			}
			return sds.Systems{Systems: []asid.System{rr8()}}, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Minute)
		defer cancel()
		assert.ErrorIs(t, s.Run(ctx), context.DeadlineExceeded)
		assert.Equal(t, []time.Duration{0, 6 * time.Minute, 12 * time.Minute, 72 * time.Minute}, reads)
	})
}

func TestADirectoryThatHidesItsCanaryIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	record := func(id string) map[string][]string {
		return map[string][]string{"objectClass": {"nhsAs"}, "uniqueIdentifier": {id}, "nhsIDCode": {"RR8"}, "nhsAsSvcIA": nrlInteractions}
	}
	canary := func(q sds.Question) bool { return q.Base == "uniqueIdentifier="+canaryID.String()+","+sds.DefaultBase }
	for name, c := range map[string]struct {
		asked int // the questions about the canary that are answered
		read  bool
		whole bool
	}{
		"shown throughout":         {2, true, true},
		"hidden from the start":    {0, true, false},
		"hidden at the end":        {1, true, false},
		"hidden from what is read": {2, false, false},
	} {
		asked := 0
		registry := &sds.LDAP{Canary: canaryID}
		registry.Simulate(func(_ context.Context, q sds.Question) (sds.Entries, error) {
			switch {
			case canary(q):
				if asked++; asked > c.asked {
					return nil, sds.Absent
				}
				return sds.Entries{record(canaryID.String())}, nil
			case q.Filter != "(objectClass=nhsAs)":
				return nil, nil
			case c.read:
				return sds.Entries{record(rr8ID.String()), record(canaryID.String())}, nil
			}
			return sds.Entries{record(rr8ID.String())}, nil
		})
		all, err := registry.Systems(t.Context())
		if c.whole {
			require.NoError(t, err, name)
			assert.Len(t, all.Systems, 2, name)
			continue
		}
		assertCannotTell(t, err)
		assert.ErrorIs(t, err, sds.ErrCanary, name)
	}
}

// Over LDAP, what is hidden looks as if it were not there.
func TestSnapshotOfADirectoryWithoutItsCanary(t *testing.T) {
	t.Parallel()
	slapd, ldap := startLDAP(t, sdstest.SlapdConfig{Directory: directory(), SizeLimit: -1})
	ldap.Canary = canaryID
	all, err := ldap.Systems(t.Context())
	require.NoError(t, err)
	assert.Len(t, all.Systems, 3)
	slapd.Stop()
	slapd.Config.Access = `access to dn.base="uniqueIdentifier=` + canaryID.String() + `,ou=Services,o=nhs" by * none`
	require.NoError(t, slapd.Start())
	_, err = ldap.Systems(t.Context())
	assertCannotTell(t, err)
}

func TestSnapshotOfNothing(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func(context.Context) (sds.Systems, error){
		"no source":    nil,
		"no file":      sds.LDIF(filepath.Join(t.TempDir(), "none")),
		"no system":    func(context.Context) (sds.Systems, error) { return sds.Systems{}, nil },
		"a bad system": func(context.Context) (sds.Systems, error) { return sds.Systems{Systems: make([]asid.System, 1)}, nil },
	} {
		s := &sds.Snapshot{Source: source}
		assertCannotTell(t, s.Load(t.Context()))
		assert.Error(t, s.Err(), name)
	}
}
