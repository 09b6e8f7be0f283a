// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

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

// need skips the test if what it talks to is not installed, and fails it where
// nothing may be skipped.
func need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

func needLibrary(t testing.TB) {
	t.Helper()
	need(t, openssl.Load("libcrypto.so.3", "libssl.so.3"))
	require.NoError(t, openssl.Available(), "an engine that is broken is not one that is missing")
}
