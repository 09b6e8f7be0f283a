// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

var (
	pss   = []tls.SignatureScheme{tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512}
	pkcs1 = []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}
)

// offered is the hello of a client that a server then accepts.
func offered(t *testing.T, d *openssl.Dialer) (hello tls.ClientHelloInfo) {
	t.Helper()
	cert := spine().Leaf(serverName)
	cfg := loose(&cert)
	cfg.GetConfigForClient = func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = *info
		return nil, nil
	}
	a, b := tcpPipe(t)
	c := d.Client(a, serverName)
	t.Cleanup(func() { c.Close() })
	clientErr, serverErr := shake(c, tls.Server(b, cfg))
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
	return hello
}

// asked are the algorithms in the CertificateRequest of a server that then accepts a client.
func asked(t *testing.T, newServer func(net.Conn) *openssl.Conn) (schemes []tls.SignatureScheme) {
	t.Helper()
	cert := spine().Leaf(clientName)
	cfg := loose(nil)
	cfg.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		schemes = request.SignatureSchemes
		return &cert, nil
	}
	_, _, clientErr, serverErr := shaken(t, cfg, newServer)
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
	return schemes
}

// What is offered and asked for is no more than what crypto/tls has, without SHA-1. At
// level 0 libssl names all that it was given, at level 2 it would keep SHA-1 to itself.
func TestGroupsAndSignatureAlgorithmsAreTheProfiles(t *testing.T) {
	needLibrary(t)
	signatures := slices.Concat(pss, pkcs1)
	for _, level := range []int{2, 0} {
		d, err := openssl.NewDialerAt(level, clientEndpoint())
		require.NoError(t, err)
		hello := offered(t, d)
		assert.Equal(t, []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}, hello.SupportedCurves)
		assert.Equal(t, signatures, hello.SignatureSchemes, "level %d", level)

		newServer, err := openssl.NewServerAt(level, serverEndpoint())
		require.NoError(t, err)
		assert.Equal(t, signatures, asked(t, newServer), "level %d", level)
	}
}

// libsslNames are by the order of pss and pkcs1.
var libsslNames = []string{"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512", "RSA+SHA256", "RSA+SHA384", "RSA+SHA512"}

// What a key can sign narrows what its end signs, not what its end accepts.
func TestAKeySignsByItsSupportedAlgorithms(t *testing.T) {
	needLibrary(t)
	all := slices.Concat(pss, pkcs1)
	for _, c := range []struct {
		name            string
		elsewhere       bool
		supported, able []tls.SignatureScheme
	}{
		{"a key in memory", false, nil, all},
		{"a key in memory that is restricted", false, []tls.SignatureScheme{tls.PKCS1WithSHA384, tls.PSSWithSHA512}, []tls.SignatureScheme{tls.PKCS1WithSHA384, tls.PSSWithSHA512}},
		{"a key elsewhere", true, nil, pkcs1},
		{"a key elsewhere that is restricted", true, []tls.SignatureScheme{tls.PSSWithSHA256, tls.PKCS1WithSHA256}, []tls.SignatureScheme{tls.PKCS1WithSHA256}},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := func(fqdn string) tls.Certificate {
				cert := spine().Leaf(fqdn)
				if c.elsewhere {
					cert, _ = stored(fqdn, nil)
				}
				cert.SupportedSignatureAlgorithms = c.supported
				return cert
			}
			d, err := openssl.NewDialer(spine().Endpoint(own(clientName), serverName))
			require.NoError(t, err)
			assert.Equal(t, all, offered(t, d).SignatureSchemes)
			newServer, err := openssl.NewServer(spine().Endpoint(own(serverName), clientName))
			require.NoError(t, err)
			assert.Equal(t, all, asked(t, newServer))

			for i, scheme := range all {
				accepting, err := openssl.NewServerAccepting(libsslNames[i], serverEndpoint())
				require.NoError(t, err)
				assert.Equal(t, slices.Contains(c.able, scheme), meet(t, d, accepting) == nil, "a client, %v", scheme)
				asking, err := openssl.NewDialerAccepting(libsslNames[i], clientEndpoint())
				require.NoError(t, err)
				assert.Equal(t, slices.Contains(c.able, scheme), meet(t, asking, newServer) == nil, "a server, %v", scheme)
			}
		})
	}
}

// meet returns what came of the handshakes of both ends.
func meet(t *testing.T, d *openssl.Dialer, newServer func(net.Conn) *openssl.Conn) error {
	t.Helper()
	a, b := tcpPipe(t)
	c, s := d.Client(a, serverName), newServer(b)
	defer c.Close()
	defer s.Close()
	return errors.Join(shake(c, s))
}
