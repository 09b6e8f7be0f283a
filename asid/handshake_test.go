// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// What the other tests take for granted about connections, over real ones.
func TestTheCertificateOfTheHandshakeIsTheOneThatIsBound(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	defer pki.Close()
	a := authorizer(t)
	a.Time = pki.Time
	server := pki.NewServer(pki.Endpoint("nrl.nhs.uk", provider.FQDNs[0], consumer.FQDNs[0]),
		a.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, _ := asid.CallerFrom(r.Context())
			fmt.Fprint(w, caller.System.ASID)
		})))
	defer server.Close()

	// get reads a pointer as from, with the certificate of that name.
	get := func(fqdn string, from asid.System) (int, string) {
		client := server.Client(pki.Issue(fqdn))
		client.Transport = &asid.Transport{
			From: from.ASID, To: nrl, Base: client.Transport, Time: pki.Time,
			Claims: asid.Claims{Organization: from.ODS[0], User: "1"},
		}
		resp, err := client.Get(server.URL + "/STU3/DocumentReference/1")
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	for _, sys := range []asid.System{provider, consumer} {
		status, body := get(sys.FQDNs[0], sys)
		assert.Equal(t, http.StatusOK, status, body)
		assert.Equal(t, sys.ASID.String(), body)
	}
	status, body := get(consumer.FQDNs[0], provider)
	assert.Equal(t, http.StatusForbidden, status)
	assert.Equal(t, "ACCESS_DENIED", code(body))
}
