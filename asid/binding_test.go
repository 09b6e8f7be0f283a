// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// withBytes returns a certificate of that name whose DER and key are the texts.
func withBytes(name, der, key string) *x509.Certificate {
	c := certificate(name)
	c.Raw, c.RawSubjectPublicKeyInfo = []byte(der), []byte(key)
	return c
}

func TestWhatBindsACertificateToItsSystem(t *testing.T) {
	t.Parallel()
	leaf, key := asid.Fingerprint(sha256.Sum256([]byte("leaf"))), asid.Fingerprint(sha256.Sum256([]byte("key")))
	for name, c := range map[string]struct {
		change func(*asid.System)
		cert   *x509.Certificate
		bound  bool
	}{
		"a name":                       {func(*asid.System) {}, certificate(provider.FQDNs[0]), true},
		"a name that is shared":        {func(s *asid.System) { s.SharedFQDNs = s.FQDNs }, certificate(provider.FQDNs[0]), true},
		"the leaf":                     {func(s *asid.System) { s.Leaves = []asid.Fingerprint{leaf} }, withBytes("x.nhs.uk", "leaf", "another"), true},
		"the key":                      {func(s *asid.System) { s.Keys = []asid.Fingerprint{key} }, withBytes("x.nhs.uk", "another", "key"), true},
		"another leaf":                 {func(s *asid.System) { s.Leaves = []asid.Fingerprint{leaf} }, withBytes("x.nhs.uk", "another", "leaf"), false},
		"a leaf in the place of a key": {func(s *asid.System) { s.Keys = []asid.Fingerprint{leaf} }, withBytes("x.nhs.uk", "leaf", "another"), false},
		"nothing":                      {func(s *asid.System) { s.FQDNs = nil }, withBytes("x.nhs.uk", "leaf", "key"), false},
	} {
		t.Run(name, func(t *testing.T) {
			sys := provider
			c.change(&sys)
			err := asid.Authorize(&sys, asid.Access{From: sys.ASID, Observed: asid.DocumentReferenceCreate, Names: names(t, c.cert)})
			assert.Equal(t, c.bound, err == nil, "%v", err)
		})
	}
	sys := provider
	sys.FQDNs, sys.Keys = nil, []asid.Fingerprint{key}
	_, err := asid.NewMemory(sys)
	assert.NoError(t, err, "a system that a fingerprint binds needs no FQDN")
}

func TestFingerprints(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("0a", 32)
	f, err := asid.ParseFingerprint(strings.ToUpper(digits))
	require.NoError(t, err)
	assert.Equal(t, digits, f.String())
	for _, bad := range []string{"", digits[1:], digits + "0", strings.Repeat("0:", 32), strings.Repeat("xy", 32)} {
		_, err := asid.ParseFingerprint(bad)
		assert.Error(t, err, bad)
	}
}

func TestPatchCountsAsUpdate(t *testing.T) {
	t.Parallel()
	sys := provider
	sys.Interactions = []asid.InteractionID{asid.DocumentReferencePatch}
	access := asid.Access{From: sys.ASID, Observed: asid.DocumentReferenceUpdate, Names: names(t, certificate(sys.FQDNs[0]))}
	for _, claimed := range []asid.InteractionID{"", asid.DocumentReferenceUpdate, asid.DocumentReferencePatch} {
		access.Claimed, access.OnlyUpdate = claimed, false
		assert.NoError(t, asid.Authorize(&sys, access), claimed)
		access.OnlyUpdate = true
		assert.Error(t, asid.Authorize(&sys, access), claimed)
	}
	assert.True(t, sys.Assured(asid.DocumentReferenceUpdate))
	assert.False(t, sys.Assured(asid.DocumentReferenceCreate))
	access.Claimed, access.OnlyUpdate, access.Observed = asid.DocumentReferencePatch, false, asid.DocumentReferenceCreate
	assert.ErrorIs(t, asid.Authorize(&sys, access), asid.ErrMismatch)
	access.Claimed, access.Observed = "", asid.DocumentReferenceDelete
	assert.ErrorIs(t, asid.Authorize(&sys, access), asid.ErrNotAssociated)
}

func TestTheAuditRecordSaysWhatBoundThePeer(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*asid.System){
		"bound=fqdn":      func(*asid.System) {},
		"bound=party-key": func(s *asid.System) { s.SharedFQDNs = s.FQDNs },
	} {
		sys := provider
		change(&sys)
		memory, err := asid.NewMemory(sys)
		require.NoError(t, err)
		var log bytes.Buffer
		a := authorizer(t)
		a.Registry, a.Logger = memory, slog.New(slog.NewTextHandler(&log, nil))
		_, got := judge(t, a, create())
		require.NoError(t, got.err)
		assert.Contains(t, log.String(), want)
	}
}

func TestATransportMayNameAPatch(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	transport := &asid.Transport{
		From: provider.ASID, To: nrl, Interaction: asid.DocumentReferencePatch, Claims: asid.Claims{Organization: ods("RR8")},
		Base: roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = r
			return nil, http.ErrHandlerTimeout
		}),
	}
	r, err := http.NewRequest(http.MethodPatch, "https://nrl.nhs.uk/STU3/DocumentReference/1", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = transport.RoundTrip(r)
	require.ErrorIs(t, err, http.ErrHandlerTimeout)
	assert.Equal(t, string(asid.DocumentReferencePatch), sent.Header.Get("InteractionID"))
	token, err := asid.ParseToken(strings.TrimPrefix(sent.Header.Get("Authorization"), "Bearer "))
	require.NoError(t, err)
	assert.Equal(t, "patient/DocumentReference.write", token.Scope)
}
