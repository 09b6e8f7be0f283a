// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// pointerOf is the example of a create without its masterIdentifier, so that there can
// be many, and with the organisation as its custodian.
func pointerOf(t *testing.T, ods string) string {
	t.Helper()
	d := load(t, "create", "stu3", "json").custodian(t, `{"reference":"`+odsURL+ods+`"}`, "")
	return strings.Replace(d.text, d.element(t, "masterIdentifier")+",", "", 1)
}

// The engine fills r.TLS, which is all that the middleware of asid and, behind
// it, of pointer know of the connection.
func TestMiddlewareWorksOverLibssl(t *testing.T) {
	t.Parallel()
	if err := openssl.Available(); err != nil {
		testenv.Missing(t, err.Error())
	}
	const serverName, clientName = "nrl.nhs.uk", "rr8.nhs.uk"
	clients, rounds := 20, 10 // of five requests each
	if testing.Short() {
		clients, rounds = 5, 2
	}
	own, other := asid.MustParseID("200000000205"), asid.MustParseID("200000000206")
	code, err := asid.ParseODSCode("RR8")
	require.NoError(t, err)
	system := func(id asid.ID, fqdn string) asid.System {
		return asid.System{ASID: id, ODS: []asid.ODSCode{code}, FQDNs: []string{fqdn}, Interactions: []asid.InteractionID{
			asid.DocumentReferenceRead, asid.DocumentReferenceCreate, asid.DocumentReferenceDelete}}
	}
	registry, err := asid.NewMemory(system(own, clientName), system(other, "other.nhs.uk"))
	require.NoError(t, err)
	store, self := new(nrl.Store), asid.MustParseID("999999999999")
	authorizer := &asid.Authorizer{Registry: registry, Self: self, Peers: asid.InsecureUnverifiedPeers{}}
	guard := &pointer.Guard{Resolver: store, Disclose: true}
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener, err := openssl.NewListener(inner, pki.Endpoint(serverName, clientName))
	require.NoError(t, err)
	testenv.Serve(t, &http.Server{Handler: authorizer.Middleware(guard.Middleware(store))}, listener)
	dialer, err := openssl.NewDialer(pki.Endpoint(clientName, serverName))
	require.NoError(t, err)
	base := &http.Transport{
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, inner.Addr().String())
		},
		MaxIdleConnsPerHost: clients,
	}
	t.Cleanup(base.CloseIdleConnections)

	as := func(id asid.ID) *http.Client {
		return &http.Client{Transport: &asid.Transport{From: id, To: self, Claims: asid.Claims{Organization: code, User: "111222333444"}, Base: base}}
	}
	honest, liar := as(own), as(other)
	const collection = "https://" + serverName + "/STU3/DocumentReference"
	send := func(c *http.Client, method, url, body string, status int, says string) (location string, err error) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/fhir+json")
		}
		r.Header.Set("Accept", "application/fhir+json")
		resp, err := c.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || !strings.Contains(string(answer), says) {
			return "", fmt.Errorf("%s %s: %v: %s %s, not %d with %s", method, url, err, resp.Status, answer, status, says)
		}
		return resp.Header.Get("Location"), nil
	}
	ours, others := pointerOf(t, "RR8"), pointerOf(t, "RXA")
	life := func() error {
		at, err := send(honest, http.MethodPost, collection, ours, http.StatusCreated, "RESOURCE_CREATED")
		if err != nil {
			return err
		}
		for _, request := range []struct {
			client            *http.Client
			method, url, body string
			status            int
			says              string
		}{
			{honest, http.MethodGet, at, "", http.StatusOK, `"DocumentReference"`},
			{honest, http.MethodPost, collection, others, http.StatusBadRequest, "INVALID_RESOURCE"},
			{liar, http.MethodDelete, at, "", http.StatusForbidden, "ACCESS_DENIED"},
			{honest, http.MethodDelete, at, "", http.StatusOK, "RESOURCE_DELETED"},
		} {
			if _, err := send(request.client, request.method, request.url, request.body, request.status, request.says); err != nil {
				return err
			}
		}
		return nil
	}
	var all sync.WaitGroup
	failures := make(chan error, clients)
	for range clients {
		all.Go(func() {
			for range rounds {
				if err := life(); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failures)
	for err := range failures {
		assert.NoError(t, err)
	}
}
