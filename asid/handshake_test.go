// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"time"

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

// A changing registry is one whose directory changes.
type changing struct{ atomic.Pointer[asid.Memory] }

func (c *changing) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	return c.Load().Lookup(ctx, id)
}

// A connection may be in use for hours.
func TestAConnectionOutlivesNeitherARegistrationNorACertificate(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	defer pki.Close()
	memory := func(systems ...asid.System) *asid.Memory {
		m, err := asid.NewMemory(systems...)
		require.NoError(t, err)
		return m
	}
	var registered changing
	registered.Store(memory(provider))
	end := pki.Endpoint("nrl.nhs.uk", provider.FQDNs[0])
	a := &asid.Authorizer{Registry: &registered, Self: nrl, Peers: end, Time: pki.Now}
	server := pki.NewServer(end, a.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer server.Close()
	client := server.Client(pki.Issue(provider.FQDNs[0], spinetest.Valid(pki.Now().Add(-time.Hour), pki.Now().Add(time.Hour))))
	base := client.Transport.(*http.Transport)
	base.DisableKeepAlives = false
	transport := &asid.Transport{From: provider.ASID, To: nrl, Base: base, Time: pki.Now, Claims: asid.Claims{Organization: ods("RR8"), User: "1"}}
	connections := 0
	// ask reads a pointer, and returns the status and the code of the answer.
	ask := func() (int, string, bool) {
		trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
			if !c.Reused {
				connections++
			}
		}}
		r := newRequest(t, http.MethodGet, server.URL+"/STU3/DocumentReference/1")
		resp, err := transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, code(string(body)), resp.Close
	}

	moved, reader := provider, provider
	moved.FQDNs = []string{"another.thirdparty.nhs.uk"}
	reader.Interactions = []asid.InteractionID{asid.DocumentReferenceSearch}
	another := provider
	another.ODS = []asid.ODSCode{ods("ZZ9")}
	for name, c := range map[string]struct {
		systems []asid.System
		status  int
		code    string
	}{
		"as it was":            {[]asid.System{provider}, http.StatusOK, ""},
		"removed":              {[]asid.System{consumer}, http.StatusForbidden, "ASID_CHECK_FAILED"},
		"of another host":      {[]asid.System{moved}, http.StatusForbidden, "ACCESS_DENIED"},
		"no longer assured":    {[]asid.System{reader}, http.StatusForbidden, "ASID_CHECK_FAILED"},
		"another organisation": {[]asid.System{another}, http.StatusBadRequest, "MISSING_OR_INVALID_HEADER"},
	} {
		registered.Store(memory(c.systems...))
		status, code, closed := ask()
		assert.Equal(t, c.status, status, name)
		assert.Equal(t, c.code, code, name)
		assert.False(t, closed, name)
	}
	registered.Store(memory(provider))
	status, _, _ := ask()
	assert.Equal(t, http.StatusOK, status)
	pki.Pass(2 * time.Hour)
	status, answer, closed := ask()
	assert.Equal(t, http.StatusForbidden, status)
	assert.Equal(t, "ACCESS_DENIED", answer)
	assert.True(t, closed, "the peer is not to be served any more")
	assert.Equal(t, 1, connections)
}
