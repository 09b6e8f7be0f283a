// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func authorizer(s asidtest.Setting) *asid.Authorizer {
	return &asid.Authorizer{Self: s.Self, Registry: s.Registry, Peers: s.Peers, Time: s.Time}
}

func gate(s asidtest.Setting) *asid.Gate {
	return &asid.Gate{Self: s.Self, Peers: s.Peers, Time: s.Time}
}

var records = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a record") })

func TestRunAuthorizer(t *testing.T) {
	t.Parallel()
	asidtest.RunAuthorizer(t, func(s asidtest.Setting) http.Handler {
		return authorizer(s).Middleware(asidtest.Mark(records))
	})
}

// A router of the server's own, before the check and behind it.
func TestRoutersAreNoFault(t *testing.T) {
	t.Parallel()
	router := func(next http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /STU3/DocumentReference/{id}", next)
		mux.Handle("/STU3/DocumentReference", next)
		mux.Handle("DELETE /STU3/DocumentReference/{id}", next)
		mux.Handle("PATCH /STU3/DocumentReference/{id}", next)
		return mux
	}
	assert.NoError(t, asidtest.TestAuthorizer(func(s asidtest.Setting) http.Handler {
		return router(authorizer(s).Middleware(asidtest.Mark(records)))
	}))
	assert.NoError(t, asidtest.TestAuthorizer(func(s asidtest.Setting) http.Handler {
		return authorizer(s).Middleware(router(asidtest.Mark(records)))
	}))
}

func TestRunGate(t *testing.T) {
	t.Parallel()
	asidtest.RunGate(t, func(s asidtest.Setting) http.Handler { return gate(s).Middleware(asidtest.Mark(records)) })
}

func TestGatesThatAreRight(t *testing.T) {
	t.Parallel()
	const other asid.InteractionID = "urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1"
	endpoints := func(s asidtest.Setting) http.Handler {
		handler, err := gate(s).Handler(
			asid.Endpoint{Path: "/records/{id}", Interaction: asid.DocumentReferenceContentRead, Handler: asidtest.Mark(records)},
			asid.Endpoint{Path: "/gpc/Patient/{id}", Interaction: other, Handler: asidtest.Mark(records)})
		require.NoError(t, err)
		return handler
	}
	assert.NoError(t, asidtest.TestGate(endpoints, asidtest.Route{}, asidtest.Route{Target: "/gpc/Patient/1", Interaction: other}))
	for _, check := range []asid.TokenCheck{asid.TokenClaims, asid.TokenAgreement} {
		assert.NoError(t, asidtest.TestGate(func(s asidtest.Setting) http.Handler {
			g := gate(s)
			g.Tokens, g.Registry = check, s.Registry
			return g.Middleware(asidtest.Mark(records))
		}), check)
	}
}
