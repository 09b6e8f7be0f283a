// SPDX-License-Identifier: Apache-2.0

package supplier

import (
	"net/http"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func TestHandler(t *testing.T) {
	asidtest.RunGate(t, func(s asidtest.Setting) http.Handler {
		return Handler(s.Self, s.Peers, s.Time, asidtest.Mark(http.NotFoundHandler()))
	}, asidtest.Route{Target: "/records/1"}, asidtest.Route{Target: "/letters/1"})
}

func TestServer(t *testing.T) {
	pki := spinetest.NewPKI()
	defer pki.Close()
	e := Endpoint(tlsconfig.StaticCertificate(pki.Issue("provider.nhs.uk")), pki.Pins(), pki.Fetcher(), pki.Now)
	config, err := e.ServerConfig()
	if err != nil {
		t.Fatal(err)
	}
	spinetest.RunServer(t, pki, config, "ssp.nhs.uk")
	server := pki.NewServer(e, Handler(asid.MustParseID("200000000205"), e, pki.Now, http.NotFoundHandler()))
	defer server.Close()
	spinetest.RunService(t, pki, "ssp.nhs.uk", server.URL+"/records/1", server.URL+"/letters/1")
}
