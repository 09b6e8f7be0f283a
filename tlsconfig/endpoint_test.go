// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func TestAnEndpointThatLacksSomethingIsNotBuilt(t *testing.T) {
	s := newSpine(t)
	for _, test := range []struct {
		name   string
		edit   func(*tlsconfig.Endpoint)
		server string // part of the server's error; empty: it is built
		client string // the same of the client's
	}{
		{"nothing", func(*tlsconfig.Endpoint) {}, "", ""},
		{"everything", func(e *tlsconfig.Endpoint) { *e = tlsconfig.Endpoint{} }, "Certificate is nil", "Certificate is nil"},
		{"pins", func(e *tlsconfig.Endpoint) { e.Verifier.Pins = nil }, "Pins", "Pins"},
		{"pins that pin something", func(e *tlsconfig.Endpoint) { e.Verifier.Pins = new(tlsconfig.Pins) }, "Pins", "Pins"},
		{"names", func(e *tlsconfig.Endpoint) { e.Verifier.FQDNs = nil }, "FQDNs", ""},
		{"a name that is none", func(e *tlsconfig.Endpoint) { e.Verifier.FQDNs = []string{"a.nhs.uk", "*.nhs.uk"} }, "wildcard", "wildcard"},
		{"a name without a trailing dot", func(e *tlsconfig.Endpoint) { e.Verifier.FQDNs = []string{"a.nhs.uk."} }, "ends in a dot", "ends in a dot"},
		{"a revocation checker", func(e *tlsconfig.Endpoint) { e.Verifier.Revocation = nil }, "Revocation", "Revocation"},
		{"a revocation checker with sources", func(e *tlsconfig.Endpoint) { e.Verifier.Revocation = &revocation.Checker{} }, "Revocation could accept no peer", "Revocation could accept no peer"},
		{"a bound on what is stale", func(e *tlsconfig.Endpoint) {
			e.Verifier.Revocation = &revocation.Checker{Sources: []revocation.Source{&revocation.CRLs{}}, Policy: revocation.Policy{Unknown: revocation.Allow}}
		}, "Allow without MaxStale", "Allow without MaxStale"},
		{"a list of suites that is not empty", func(e *tlsconfig.Endpoint) { e.Suites = []tlsconfig.Suite{} }, "empty", "empty"},
		{"a suite of the guidance", func(e *tlsconfig.Endpoint) {
			e.Suites = []tlsconfig.Suite{tlsconfig.Suite(tls.TLS_AES_128_GCM_SHA256)}
		}, "0x1301", "0x1301"},
		{"suites that differ", func(e *tlsconfig.Endpoint) {
			e.Suites = []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES256_SHA, tlsconfig.ECDHE_RSA_AES256_SHA}
		}, "twice", "twice"},
		{"a suite of crypto/tls", func(e *tlsconfig.Endpoint) { e.Suites = []tlsconfig.Suite{tlsconfig.DHE_RSA_AES256_SHA} }, "crypto/tls has none", "crypto/tls has none"},
		{"a timeout that is not negative", func(e *tlsconfig.Endpoint) { e.Timeout = -1 }, "Timeout", "Timeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := s.endpoint(t, providerName, sspName)
			test.edit(e)
			for _, end := range []struct {
				build func() (*tls.Config, error)
				want  string
			}{{e.ServerConfig, test.server}, {e.ClientConfig, test.client}} {
				cfg, err := end.build()
				if end.want == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorContains(t, err, end.want)
				require.Nil(t, cfg)
			}
		})
	}
	t.Run("a side", func(t *testing.T) {
		require.ErrorContains(t, justErr(s.endpoint(t, providerName, sspName).Check(x509.ExtKeyUsageAny)), "either a server or a client")
	})
	t.Run("a suite of crypto/tls, for another engine", func(t *testing.T) {
		e := s.endpoint(t, providerName, sspName)
		e.Suites = []tlsconfig.Suite{tlsconfig.DHE_RSA_AES256_SHA}
		require.NoError(t, justErr(e.Check(x509.ExtKeyUsageServerAuth)))
	})
}

func TestSkippingRevocationIsSaidAloud(t *testing.T) {
	s := newSpine(t)
	for _, skip := range []tlsconfig.RevocationChecker{tlsconfig.InsecureSkipRevocation{}, new(tlsconfig.InsecureSkipRevocation)} {
		var log testenv.Log
		e := s.endpoint(t, providerName, sspName)
		e.Logger = slog.New(slog.NewTextHandler(&log, nil))
		e.Verifier.Revocation = skip
		server := serverConfig(t, e)
		require.Len(t, log.Lines(), 1)
		require.Contains(t, log.Lines()[0], "level=WARN")
		require.NoError(t, handshake(t, plainClient(s.subCA.issue(t, sspName)), server).serverErr)
	}
}

func TestAnEndpointThatIsChangedAfterwardsDoesNotChangeItsConfigs(t *testing.T) {
	s := newSpine(t)
	e := s.endpoint(t, providerName, sspName)
	server := serverConfig(t, e)
	e.Verifier.FQDNs[0] = "other.nhs.uk"
	e.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
	o := handshake(t, plainClient(s.subCA.issue(t, "other.nhs.uk")), server)
	refused(t, o.serverErr, tlsconfig.RuleFQDN)
}
