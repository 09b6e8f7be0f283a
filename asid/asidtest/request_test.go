// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

var (
	self = asid.MustParseID("999999999999")
	rr8  = asid.System{
		ASID:         asid.MustParseID("200000000205"),
		ODS:          []asid.ODSCode{ods("RR8")},
		FQDNs:        []string{"nrl-rr8.supplier.thirdparty.nhs.uk"},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceRead},
	}
)

func ods(s string) asid.ODSCode {
	code, err := asid.ParseODSCode(s)
	if err != nil {
		panic(err)
	}
	return code
}

func TestAnAuthorizerAcceptsTheRequestsMadeHere(t *testing.T) {
	t.Parallel()
	registry, err := asid.NewMemory(rr8)
	require.NoError(t, err)
	authorizer := &asid.Authorizer{Registry: registry, Self: self, Peers: asidtest.Peers{}}
	var caller *asid.Caller
	handler := authorizer.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		caller, _ = asid.CallerFrom(r.Context())
	}))
	for _, r := range []*http.Request{
		asidtest.NewRequest(http.MethodPost, "/STU3/DocumentReference", rr8, self),
		asidtest.NewRequest(http.MethodGet, "https://nrl.nhs.uk/STU3/DocumentReference/1-2", rr8, self),
	} {
		caller = nil
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.NotNil(t, caller)
		assert.Equal(t, rr8.ASID, caller.System.ASID)
		assert.Contains(t, caller.Token.User, asidtest.User)
	}
}

func TestAGateAcceptsTheRequestsMadeHere(t *testing.T) {
	t.Parallel()
	gate := &asid.Gate{Self: self, Peers: asidtest.Peers{}}
	r := asidtest.NewSSPRequest("/records/1", rr8, self, "proxy.int.spine2.ncrs.nhs.uk")
	w := httptest.NewRecorder()
	gate.Middleware(http.NotFoundHandler()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusNotFound, w.Code, w.Body)
}

func TestARequestThatCannotBeMadePanics(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { asidtest.NewRequest(http.MethodPut, "/STU3/DocumentReference", rr8, self) })
	assert.Panics(t, func() { asidtest.NewRequest(http.MethodGet, "/STU3/DocumentReference", asid.System{ASID: self}, self) })
}
