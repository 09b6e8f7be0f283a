// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

const (
	serverName = "server.nhs.uk"
	clientName = "client.nhs.uk"
)

func spine() *testpki.PKI { return testpki.Spine() }

func serverEndpoint() *tlsconfig.Endpoint {
	return spine().Endpoint(spine().Leaf(serverName), clientName)
}

func clientEndpoint() *tlsconfig.Endpoint {
	return spine().Endpoint(spine().Leaf(clientName), serverName)
}

func needLibrary(t testing.TB) {
	t.Helper()
	if err := openssl.Load("libcrypto.so.3", "libssl.so.3"); err != nil {
		testenv.Missing(t, err.Error())
	}
	require.NoError(t, openssl.Available(), "an engine that is broken is not one that is missing")
}
