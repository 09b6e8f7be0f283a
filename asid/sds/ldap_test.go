// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func TestLDAPIsARegistry(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]sdstest.SlapdConfig{
		"with the schema's attribute names":  {Directory: directory()},
		"with attribute names in lower case": {Directory: directory(), LowerCase: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, registry := startLDAP(t, config)
			registry.Canary = canaryID
			assert.NoError(t, asidtest.TestRegistry(registry, rr8(), rxa()))
		})
	}
}

func TestLDAPReadsHundredsOfInteractions(t *testing.T) {
	t.Parallel()
	_, registry := startLDAP(t, sdstest.SlapdConfig{Directory: sdstest.Directory{AS: []sdstest.AS{
		{ASID: "200000000205", ODS: "RR8", Interactions: interactions(500)},
		{ASID: "200000000206", ODS: "RXA", Interactions: interactions(2000)},
	}}})
	assert.Len(t, lookup(t, registry, rr8ID).Interactions, 500)
	assert.Len(t, lookup(t, registry, rxaID).Interactions, 2000)

	registry = &sds.LDAP{Address: registry.Address, Endpoint: registry.Endpoint, MaxBytes: 10_000}
	_, err := registry.Lookup(t.Context(), rxaID)
	assertCannotTell(t, err)
}

func TestLDAPTellsUnknownFromLostAccess(t *testing.T) {
	t.Parallel()
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{Directory: directory()})
	registry.Cache.MaxUnknownAge = time.Nanosecond
	_, err := registry.Lookup(t.Context(), unknownID)
	assert.ErrorIs(t, err, asid.ErrNotFound)

	slapd.Stop()
	slapd.Config.Access = "access to * by * none"
	require.NoError(t, slapd.Start())
	for _, id := range []asid.ID{rr8ID, unknownID} {
		_, err = registry.Lookup(t.Context(), id)
		assertCannotTell(t, err)
	}
}

// Access to the records alone is taken away, so that an absent one and a hidden one
// are answered alike: only the canary tells.
func TestCanaryTellsThatAccessWasLost(t *testing.T) {
	t.Parallel()
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{
		Directory: directory(), Access: "access to filter=(objectClass=nhsAs) by * search",
	})
	_, err := registry.Lookup(t.Context(), rr8ID)
	require.ErrorIs(t, err, asid.ErrNotFound, "nothing else tells")

	registry = &sds.LDAP{Address: slapd.Address, Endpoint: registry.Endpoint, Canary: canaryID}
	_, err = registry.Lookup(t.Context(), rr8ID)
	assertCannotTell(t, err)
	require.ErrorIs(t, err, sds.ErrCanary)
}

// Access to an attribute alone is taken away, before the connection or on it: the
// records look as if they had none.
func TestCanaryTellsThatAnAttributeIsHidden(t *testing.T) {
	t.Parallel()
	for _, attribute := range []string{"nhsAsSvcIA", "nhsIDCode"} {
		slapd, registry := startLDAP(t, sdstest.SlapdConfig{Directory: directory(), Access: "access to attrs=" + attribute + " by * none"})
		sys := lookup(t, registry, rr8ID)
		require.True(t, len(sys.Interactions) == 0 || len(sys.ODS) == 0, "nothing else tells")
		registry = &sds.LDAP{Address: slapd.Address, Endpoint: registry.Endpoint, Canary: canaryID}
		for _, id := range []asid.ID{rr8ID, unknownID} {
			_, err := registry.Lookup(t.Context(), id)
			assertCannotTell(t, err)
			assert.ErrorIs(t, err, sds.ErrCanary)
		}
	}

	// On a connection that is open already.
	for hidden, want := range map[bool]error{true: sds.ErrCanary, false: nil} {
		registry := &sds.LDAP{Canary: canaryID}
		registry.Simulate(func(_ context.Context, q sds.Question) (sds.Entries, error) {
			if strings.Contains(q.Base, canaryID.String()) && !hidden {
				return sds.Entries{{"uniqueIdentifier": {canaryID.String()}, "nhsIDCode": {"X26"}, "nhsAsSvcIA": nrlInteractions}}, nil
			}
			return sds.Entries{{"uniqueIdentifier": {q.Base[len("uniqueIdentifier="):][:12]}, "nhsIDCode": {"RR8"}}}, nil
		})
		_, err := registry.Lookup(t.Context(), rr8ID)
		assert.ErrorIs(t, err, want, "a system may have none")
	}
}

func TestLDAPThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{Directory: directory()})
	registry.Timeout = time.Second
	known := func(id asid.ID) func() bool {
		return func() bool {
			_, err := registry.Lookup(t.Context(), id)
			return err == nil
		}
	}
	require.Eventually(t, known(rr8ID), 20*time.Second, 50*time.Millisecond) // a busy machine may take a second
	require.NoError(t, slapd.Suspend())
	_, err := registry.Lookup(t.Context(), rxaID)
	assertCannotTell(t, err)
	require.NoError(t, slapd.Resume())
	assert.Eventually(t, known(rxaID), 20*time.Second, 50*time.Millisecond)
	lookup(t, registry, rr8ID)
}

func TestLDAPConnectsAgainAfterARestart(t *testing.T) {
	t.Parallel()
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{Directory: directory()})
	registry.Cache.RetryAfter = time.Millisecond
	lookup(t, registry, rr8ID)
	assert.True(t, registry.State().Connected)
	slapd.Stop()
	_, err := registry.Lookup(t.Context(), unknownID)
	assertCannotTell(t, err)
	var cannot interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &cannot)
	assert.Positive(t, cannot.RetryAfter())
	lookup(t, registry, rr8ID) // is known for five minutes

	require.NoError(t, slapd.Start())
	assert.Eventually(t, func() bool {
		_, err := registry.Lookup(t.Context(), rxaID)
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	assert.NoError(t, registry.State().Err)
}

func TestLDAPAsksOnceMoreIfTheOldConnectionHasEnded(t *testing.T) {
	t.Parallel()
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{Directory: directory()})
	lookup(t, registry, rr8ID)
	slapd.Stop()
	require.NoError(t, slapd.Start())
	lookup(t, registry, rxaID)
}

func TestLDAPAtTheDirectorysSizeLimit(t *testing.T) {
	t.Parallel()
	d := sdstest.Directory{AS: []sdstest.AS{{ASID: "200000000205", ODS: "RR8", PartyKey: "YGM24-820388", Interactions: interactions(600)}}}
	for _, interaction := range interactions(600) {
		d.MHS = append(d.MHS, sdstest.MHS{ODS: "RR8", PartyKey: "YGM24-820388", Interaction: interaction, FQDN: sharedFQDN})
	}
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{Directory: d})
	registry.Cache.RetryAfter = time.Nanosecond
	_, err := registry.Lookup(t.Context(), rr8ID)
	assertCannotTell(t, err)
	require.ErrorIs(t, err, sds.ErrPartial)

	slapd.Stop()
	slapd.Config.SizeLimit = -1
	require.NoError(t, slapd.Start())
	assert.Equal(t, []string{sharedFQDN}, lookup(t, registry, rr8ID).FQDNs)

	few := &sds.LDAP{Address: slapd.Address, Endpoint: registry.Endpoint, MaxRecords: 599}
	_, err = few.Lookup(t.Context(), rr8ID)
	assertCannotTell(t, err)
}

func TestLDAPFollowsNoReferralAndNoAlias(t *testing.T) {
	t.Parallel()
	d := directory()
	d.LDIF = `dn: cn=elsewhere,ou=Services,o=nhs
objectClass: referral
objectClass: extensibleObject
cn: elsewhere
ref: ldaps://other.nhs.uk/ou=Services,o=nhs

dn: uniqueIdentifier=200000000299,ou=Services,o=nhs
objectClass: alias
objectClass: extensibleObject
uniqueIdentifier: 200000000299
aliasedObjectName: uniqueIdentifier=200000000205,ou=Services,o=nhs

`
	_, registry := startLDAP(t, sdstest.SlapdConfig{Directory: d})
	_, err := registry.Lookup(t.Context(), rr8ID) // its party key's records may be elsewhere, too
	assertCannotTell(t, err)
	require.ErrorIs(t, err, sds.ErrPartial)
	_, err = registry.Lookup(t.Context(), mustID("200000000299"))
	assert.ErrorIs(t, err, asid.ErrNotFound)
}

// slowly is a connection to address that passes on what it answers a while later.
func slowly(t *testing.T, address string, by time.Duration) (slow string) {
	return testenv.Accept(t, func(caller net.Conn) {
		defer caller.Close()
		server, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		go func() {
			defer server.Close()
			_, _ = io.Copy(server, caller)
		}()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			time.Sleep(by) // is what is tested
			if _, failed := caller.Write(buffer[:n]); failed != nil || err != nil {
				return
			}
		}
	})
}

func TestLDAPThatIsSlow(t *testing.T) {
	t.Parallel()
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{Directory: directory()})
	slow := slowly(t, slapd.Address, 50*time.Millisecond)
	patient := &sds.LDAP{Address: slow, Endpoint: registry.Endpoint, Timeout: time.Minute}
	lookup(t, patient, rr8ID)
	hasty := &sds.LDAP{Address: slow, Endpoint: registry.Endpoint, Timeout: 20 * time.Millisecond}
	_, err := hasty.Lookup(t.Context(), rr8ID)
	assertCannotTell(t, err)
}

func TestLDAPRefusesADirectoryThatWasRevokedMeanwhile(t *testing.T) {
	t.Parallel()
	pki := spine()
	slapd, registry := startLDAP(t, sdstest.SlapdConfig{PKI: pki, Directory: directory()})
	registry.Cache.MaxAge = time.Nanosecond
	lookup(t, registry, rr8ID)
	pki.Authority.Revoke(slapd.TLS.Leaf, revocation.ReasonKeyCompromise, time.Now())
	_, err := registry.Lookup(t.Context(), rr8ID)
	assertRefused(t, err, tlsconfig.RuleRevocation)
}

// assertRefused asserts that the directory is one that a rule refuses, so that a
// look-up cannot tell.
func assertRefused(t *testing.T, err error, rule tlsconfig.Rule) {
	t.Helper()
	assertCannotTell(t, err)
	var refusal *tlsconfig.PeerError
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, rule, refusal.Rule)
}

func TestLDAPTrustsTheNamedDirectoryOnly(t *testing.T) {
	t.Parallel()
	pki := spine()
	slapd, _ := startLDAP(t, sdstest.SlapdConfig{PKI: pki, Directory: directory()})
	registry := &sds.LDAP{Address: slapd.Address, Endpoint: pki.Endpoint(ownName, "another.nhs.uk")}
	_, err := registry.Lookup(t.Context(), rr8ID)
	assertRefused(t, err, tlsconfig.RuleFQDN)
}

func TestDirtyRecords(t *testing.T) {
	t.Parallel()
	dirty := append([]string{nrlInteractions[0] + ",", "create", nrlInteractions[1] + " "}, nrlInteractions[2])
	_, registry := startLDAP(t, sdstest.SlapdConfig{Directory: sdstest.Directory{
		AS: []sdstest.AS{
			{ASID: "200000000205", ODS: "RR8", PartyKey: "RR8-1", Interactions: dirty},
			{ASID: "200000000206", MoreIDs: []string{"200000000207"}, ODS: "RXA"},
			{ASID: "200000000208", ODS: "R R8"},
			{ASID: "200000000209", ODS: "RR9", PartyKey: "RR9)(x=*"},
			{ASID: "200000000210", ODS: "RR9", PartyKey: "rr8-1"},
			{ASID: "２00000000211", ODS: "RR9"},
		},
		MHS: []sdstest.MHS{
			{PartyKey: "RR8-1", FQDN: "https://a.nhs.uk"}, {PartyKey: "RR8-1", FQDN: "b.nhs.uk"}, {PartyKey: "RR8-1"},
		},
	}})
	var log bytes.Buffer
	registry.Logger = slog.New(slog.NewTextHandler(&log, nil))
	sys := lookup(t, registry, rr8ID)
	assert.Equal(t, []string{"b.nhs.uk"}, sys.FQDNs)
	// A comma may be part of a URN; it is another interaction than the one without.
	assert.NotContains(t, sys.Interactions, asid.DocumentReferenceCreate)
	assert.NotContains(t, sys.Interactions, asid.DocumentReferenceUpdate)
	assert.Contains(t, sys.Interactions, asid.DocumentReferenceDelete)
	assert.Equal(t, 3, registry.State().Dropped, log.String())
	assert.Equal(t, 2, strings.Count(log.String(), "left out"), "once for the system, once for its party key: %s", log.String())

	for _, id := range []string{"200000000206", "200000000208"} {
		_, err := registry.Lookup(t.Context(), mustID(id))
		assertCannotTell(t, err)
	}
	assert.Empty(t, lookup(t, registry, mustID("200000000209")).FQDNs)
	assert.Empty(t, lookup(t, registry, mustID("200000000210")).FQDNs, "of a party key in other case")
	// The directory takes full-width digits for the same.
	_, err := registry.Lookup(t.Context(), mustID("200000000211"))
	assertCannotTell(t, err)
}

func TestOrganisationsThatUseASystem(t *testing.T) {
	t.Parallel()
	_, registry := startLDAP(t, sdstest.SlapdConfig{Directory: sdstest.Directory{
		AS: []sdstest.AS{{ASID: "200000000205", ODS: "YGM24", Clients: []string{"RR8"}}},
	}})
	assert.Equal(t, []asid.ODSCode{ods("YGM24")}, lookup(t, registry, rr8ID).ODS)
	registry = &sds.LDAP{Address: registry.Address, Endpoint: registry.Endpoint, Clients: true}
	assert.Equal(t, []asid.ODSCode{ods("YGM24"), ods("RR8")}, lookup(t, registry, rr8ID).ODS)
	all, err := registry.Systems(t.Context())
	require.NoError(t, err)
	require.Len(t, all.Systems, 1)
	assert.Equal(t, []asid.ODSCode{ods("YGM24"), ods("RR8")}, all.Systems[0].ODS, "as a look-up has it")
}

func TestLDAPWithoutWhatItNeeds(t *testing.T) {
	t.Parallel()
	endpoint := spine().Endpoint(ownName, directoryName)
	for name, registry := range map[string]*sds.LDAP{
		"zero":                                  {},
		"without an address":                    {Endpoint: endpoint},
		"without a port":                        {Endpoint: endpoint, Address: "ldap.nhs.uk"},
		"without an endpoint":                   {Address: "ldap.nhs.uk:636"},
		"with an endpoint that is not complete": {Address: "ldap.nhs.uk:636", Endpoint: &tlsconfig.Endpoint{}},
	} {
		assert.ErrorIs(t, registry.Validate(), sds.ErrConfiguration, name)
		_, err := registry.Lookup(t.Context(), rr8ID)
		assert.ErrorIs(t, err, sds.ErrConfiguration, name)
		assert.Error(t, registry.Run(t.Context()), name)
	}
}

// assertCannotTell wants an error that makes no ASID unknown.
func assertCannotTell(t *testing.T, err error) {
	t.Helper()
	var cannot *sds.Error
	if assert.ErrorAs(t, err, &cannot) {
		assert.NotErrorIs(t, err, asid.ErrNotFound)
	}
}
