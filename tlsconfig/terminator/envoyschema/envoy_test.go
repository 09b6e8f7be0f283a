// SPDX-License-Identifier: Apache-2.0

package envoyschema_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

func rendered(t *testing.T, change func(*terminator.Params)) string {
	t.Helper()
	params := terminator.Params{
		Listen: "127.0.0.1:443", Backend: "127.0.0.1:8080", Certificate: "/etc/spine/cert.pem", Key: "/etc/spine/key.pem",
		CAs: "/etc/spine/cas.pem", CRLs: "/etc/spine/crls.json", Pins: testpki.Spine().Pins(), Secret: strings.Repeat("0123456789abcdef", 2),
	}
	change(&params)
	file, err := terminator.Render(terminator.Envoy, params)
	require.NoError(t, err)
	return string(file)
}

func TestListenerIsOfEnvoysSchema(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*terminator.Params){
		"the least":               func(*terminator.Params) {},
		"names of clients":        func(p *terminator.Params) { p.FQDNs = []string{"ssp.nhs.uk", "other.nhs.uk"} },
		"lists of the leaf alone": func(p *terminator.Params) { p.LeafCRLs = true },
		"an IPv6 address":         func(p *terminator.Params) { p.Listen = "[::1]:8443" },
		"a file in YAML":          func(p *terminator.Params) { p.CRLs = "/etc/spine/crls.yaml" },
	} {
		var l listener.Listener
		if !assert.NoError(t, load([]byte(rendered(t, change)), &l), name) {
			continue
		}
		assert.Len(t, l.GetFilterChains(), 1, name)
		var context tls.DownstreamTlsContext
		require.NoError(t, l.GetFilterChains()[0].GetTransportSocket().GetTypedConfig().UnmarshalTo(&context))
		assert.True(t, context.GetRequireClientCertificate().GetValue(), name)
		assert.Equal(t, "spine_crls", context.GetCommonTlsContext().GetCombinedValidationContext().GetValidationContextSdsSecretConfig().GetName(), name)
	}
}

// The file of the Keeper is a response of the discovery service that the listener asks,
// with the secret that it names.
func TestCRLFileIsOfEnvoysSchema(t *testing.T) {
	t.Parallel()
	file := written(t)
	var response discovery.DiscoveryResponse
	require.NoError(t, load([]byte(file), &response))
	require.Len(t, response.GetResources(), 1)
	var secret tls.Secret
	require.NoError(t, response.GetResources()[0].UnmarshalTo(&secret))
	assert.Equal(t, "spine_crls", secret.GetName())
	assert.Equal(t, 2, strings.Count(secret.GetValidationContext().GetCrl().GetInlineString(), "-----BEGIN X509 CRL-----\n"))
}

// written returns what a Keeper writes for Envoy.
func written(t *testing.T) string {
	t.Helper()
	pki := testpki.Spine()
	crls := &revocation.CRLs{KeepDER: true}
	now := time.Now()
	for _, l := range []revocationtest.CRL{{Issuer: pki.Root, Key: testpki.Key("root")}, {Issuer: pki.SubCA, Key: testpki.Key("subca")}} {
		l.ThisUpdate, l.NextUpdate = now.Add(-time.Hour), now.Add(23*time.Hour)
		require.NoError(t, crls.Add(l.DER()))
	}
	keeper := &terminator.Keeper{CRLs: crls, Pins: pki.Pins(), Program: terminator.Envoy, File: filepath.Join(t.TempDir(), "crls.json")}
	require.NoError(t, keeper.Once(t.Context()))
	file, err := os.ReadFile(keeper.File)
	require.NoError(t, err)
	return string(file)
}

// What Envoy would not start with is seen, wherever it stands.
func TestWrongFilesAreNotOfEnvoysSchema(t *testing.T) {
	t.Parallel()
	least := rendered(t, func(p *terminator.Params) { p.FQDNs = []string{"ssp.nhs.uk"} })
	for _, wrong := range []struct{ of, with, why string }{
		{"filter_chains:", "filter_chain:", "unknown field"},
		{"port_value: 443", "port_value: 70000", "PortValue"},
		{"TLSv1_2", "TLSv1.2", "enum"},
		{"tls.v3.DownstreamTlsContext", "tls.v3.DownstreamTLSContext", "unable to resolve"},
		{"require_client_certificate: true", `require_client_certificate: "yes"`, "bool"},
		{"require_client_certificate:", "require_client_cert:", "unknown field"},
		{"san_type: DNS", "san_type: SAN_TYPE_UNSPECIFIED", "SanType"},
		{"name: spine_crls", `name: ""`, "Name"},
		{"stat_prefix: spine", `stat_prefix: ""`, "StatPrefix"},
		{"key: Ssl-Protocol", `key: ""`, "Key"},
		{"prefix: \"/\"", "prefixes: \"/\"", "unknown field"},
		{"cluster: records", `cluster: ""`, "Cluster"},
		{"router.v3.Router", "router.v3.Rooter", "unable to resolve"},
		{"\naddress:", "\nname: twice\naddress:", "already defined"},
	} {
		require.Contains(t, least, wrong.of)
		err := load([]byte(strings.Replace(least, wrong.of, wrong.with, 1)), new(listener.Listener))
		assert.ErrorContains(t, err, wrong.why, wrong.with)
	}
	file := written(t)
	for _, wrong := range []struct{ of, with, why string }{
		{`"resources"`, `"resource"`, "unknown field"},
		{"tls.v3.Secret", "tls.v3.Secrets", "unable to resolve"},
		{`"inline_string"`, `"inline"`, "unknown field"},
		{`"crl":{`, `"crl":"","x":{`, "unexpected token"},
		{`"crl":{"inline_string":"`, `"crl":{"filename":"","x":"`, "unknown field"},
	} {
		require.Contains(t, file, wrong.of)
		err := load([]byte(strings.Replace(file, wrong.of, wrong.with, 1)), new(discovery.DiscoveryResponse))
		assert.ErrorContains(t, err, wrong.why, wrong.with)
	}
}
