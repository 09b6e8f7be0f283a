// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// What is offered and asked for is no more than what crypto/tls has, without SHA-1.
func TestGroupsAndSignatureAlgorithmsAreTheProfiles(t *testing.T) {
	needLibrary(t)
	signatures := []tls.SignatureScheme{tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512,
		tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}

	t.Run("a client offers them", func(t *testing.T) {
		d, err := openssl.NewDialer(clientEndpoint())
		require.NoError(t, err)
		var offered tls.ClientHelloInfo
		cert := spine().Leaf(serverName)
		cfg := &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12,
			GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				offered = *hello
				return nil, nil
			}}
		a, b := tcpPipe(t)
		c := d.Client(a, serverName)
		t.Cleanup(func() { c.Close() })
		clientErr, serverErr := shake(c, tls.Server(b, cfg))
		require.NoError(t, clientErr)
		require.NoError(t, serverErr)
		assert.Equal(t, []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}, offered.SupportedCurves)
		assert.Equal(t, signatures, offered.SignatureSchemes)
	})

	t.Run("a server asks for them", func(t *testing.T) {
		newServer, err := openssl.NewServer(serverEndpoint())
		require.NoError(t, err)
		var asked []tls.SignatureScheme
		cert := spine().Leaf(clientName)
		cfg := loose(nil)
		cfg.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = request.SignatureSchemes
			return &cert, nil
		}
		_, _, clientErr, serverErr := shaken(t, cfg, newServer)
		require.NoError(t, clientErr)
		require.NoError(t, serverErr)
		assert.Equal(t, signatures, asked)
	})
}
