// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

// The Resolver over FHIR, with the Transport, against the Store.
func TestTheStoreOverFHIR(t *testing.T) {
	t.Parallel()
	i := start(t)
	at := i.create(t, "json", example(t, "create-stu3.json"))
	h, system := i.whole(t, asid.DocumentReferenceRead, asid.DocumentReferenceSearch)
	srv := httptest.NewTLSServer(h)
	defer srv.Close()
	base, err := url.Parse(srv.URL + "/STU3")
	require.NoError(t, err)
	f := &pointer.FHIR{Base: base, Client: &http.Client{Transport: &asid.Transport{From: system.ASID, To: self,
		Base: srv.Client().Transport, Claims: asid.Claims{Organization: system.ODS[0], User: asidtest.User}}}}
	p, err := i.store.Resolve(t.Context(), pointer.Query{ID: idOf(at)})
	require.NoError(t, err)
	assert.NoError(t, pointertest.TestResolver(f, p))
	require.Equal(t, 200, i.send("PATCH", at, "json", example(t, "update-stu3.json")).Code)
	_, err = f.Resolve(t.Context(), pointer.Query{ID: idOf(at)})
	assert.ErrorIs(t, err, pointer.ErrNotFound, "what the Store does not show")
}
