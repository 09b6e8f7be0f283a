// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheStapledResponseReachesTheChecker(t *testing.T) {
	needLibrary(t)
	var got []byte
	client := clientEndpoint()
	client.Verifier.Revocation = checker(func(_ context.Context, _ []*x509.Certificate, stapled []byte) error {
		got = stapled
		return nil
	})
	d, err := openssl.NewDialer(client)
	require.NoError(t, err)
	cert := spine().Leaf(serverName)
	cert.OCSPStaple = []byte("a response that only the checker can read")
	a, b := tcpPipe(t)
	c, s := d.Client(a, serverName), tls.Server(b, loose(&cert))
	defer c.Close()
	defer s.Close()
	clientErr, serverErr := shake(c, s)
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
	assert.Equal(t, cert.OCSPStaple, got)
	assert.Equal(t, cert.OCSPStaple, c.ConnectionState().OCSPResponse)
}

// A server staples what its certificate has now, to clients that ask.
func TestAServerStaplesTheResponse(t *testing.T) {
	needLibrary(t)
	var current atomic.Pointer[tls.Certificate]
	leaf := spine().Leaf(serverName)
	server := serverEndpoint()
	server.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
	current.Store(&leaf)
	newServer, err := openssl.NewServer(server)
	require.NoError(t, err)
	client := spine().Leaf(clientName)
	for _, response := range [][]byte{nil, []byte("a response"), bytes.Repeat([]byte("a later one"), 3000), nil} {
		renewed := leaf
		renewed.OCSPStaple = response
		current.Store(&renewed)
		a, b := tcpPipe(t)
		c, s := tls.Client(a, loose(&client)), newServer(b)
		clientErr, serverErr := shake(c, s)
		require.NoError(t, clientErr)
		require.NoError(t, serverErr)
		assert.Equal(t, response, c.ConnectionState().OCSPResponse)
		c.Close()
		s.Close()
	}
}
