// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func TestAllowAnyFQDN(t *testing.T) {
	pki := spinetest.NewPKI()
	defer pki.Close()
	verifier := &tlsconfig.Verifier{Pins: pki.Pins(), AllowAnyFQDN: true, Revocation: pki.Checker()}
	verify := func(usage x509.ExtKeyUsage, name string, variations ...spinetest.Variation) error {
		leaf := pki.Issue(name, variations...).Leaf
		_, err := verifier.Verify(context.Background(), tlsconfig.Presented{Certificates: []*x509.Certificate{leaf}, Usage: usage})
		return err
	}
	assert.NoError(t, verify(x509.ExtKeyUsageClientAuth, "anyone.nhs.uk"))
	for name, err := range map[string]error{
		"a wildcard":       verify(x509.ExtKeyUsageClientAuth, "*.nhs.uk"),
		"two common names": verify(x509.ExtKeyUsageClientAuth, "one.nhs.uk", spinetest.CommonNames("two.nhs.uk")),
		"a server":         verify(x509.ExtKeyUsageServerAuth, "anyone.nhs.uk"),
	} {
		refusal, ok := err.(*tlsconfig.PeerError)
		require.True(t, ok, name)
		assert.Equal(t, tlsconfig.RuleFQDN, refusal.Rule, name)
	}

	end := pki.Endpoint("server.nhs.uk")
	require.Error(t, justErr(end.Check(x509.ExtKeyUsageServerAuth)), "a server that names no client")
	var log strings.Builder
	end.Logger = slog.New(slog.NewTextHandler(&log, nil))
	end.Verifier.AllowAnyFQDN = true
	assert.NoError(t, justErr(end.Check(x509.ExtKeyUsageServerAuth)))
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "AllowAnyFQDN is in use")
	assert.Error(t, justErr(end.Check(x509.ExtKeyUsageClientAuth)), "a client")
	end.Verifier.FQDNs = []string{"ssp.nhs.uk"}
	assert.Error(t, justErr(end.Check(x509.ExtKeyUsageServerAuth)), "a server that names a client, too")
}

// A name that was dialled is a server's: it names no client.
func TestNoClientIsNamedByTheServerName(t *testing.T) {
	s := newSpine(t)
	v := s.endpoint(t, providerName).Verifier
	leaf := s.subCA.issue(t, sspName).Leaf
	_, err := v.Verify(t.Context(), tlsconfig.Presented{Certificates: []*x509.Certificate{leaf}, Usage: x509.ExtKeyUsageClientAuth, ServerName: sspName})
	refused(t, err, tlsconfig.RuleFQDN)
}
