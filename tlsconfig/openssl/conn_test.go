// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// pair returns both ends of a connection, before their handshakes.
func pair(t testing.TB, client, server *tlsconfig.Endpoint) (c, s *openssl.Conn) {
	t.Helper()
	d, err := openssl.NewDialer(client)
	require.NoError(t, err)
	newServer, err := openssl.NewServer(server)
	require.NoError(t, err)
	a, b := tcpPipe(t)
	c, s = d.Client(a, serverName), newServer(b)
	t.Cleanup(func() { c.Close(); s.Close() })
	return c, s
}

func tcpPipe(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			accepted <- conn
		}
		close(accepted)
	}()
	a, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	b = <-accepted
	require.NotNil(t, b)
	return a, b
}

// shake runs both handshakes.
func shake(c, s interface{ Handshake() error }) (clientErr, serverErr error) {
	result := make(chan error, 1)
	go func() { result <- s.Handshake() }()
	clientErr = c.Handshake()
	return clientErr, <-result
}

// dialled shakes hands with a server of the usual endpoint under a name.
func dialled(t *testing.T, d *openssl.Dialer, name string) (clientErr, serverErr error) {
	t.Helper()
	newServer, err := openssl.NewServer(serverEndpoint())
	require.NoError(t, err)
	a, b := tcpPipe(t)
	c, s := d.Client(a, name), newServer(b)
	defer c.Close()
	defer s.Close()
	return shake(c, s)
}

// shaken are any client with cfg and a server, after their handshakes.
func shaken(t *testing.T, cfg *tls.Config, newServer func(net.Conn) *openssl.Conn) (c *tls.Conn, s *openssl.Conn, clientErr, serverErr error) {
	t.Helper()
	a, b := tcpPipe(t)
	c, s = tls.Client(a, cfg), newServer(b)
	t.Cleanup(func() { c.Close(); s.Close() })
	clientErr, serverErr = shake(c, s)
	return c, s, clientErr, serverErr
}

func TestEachSuiteNegotiatesAlone(t *testing.T) {
	needLibrary(t)
	t.Log("the engine runs on", openssl.Version())
	for _, suite := range tlsconfig.Suites() {
		t.Run(suite.String(), func(t *testing.T) {
			client, server := clientEndpoint(), serverEndpoint()
			client.Suites = []tlsconfig.Suite{suite}
			c, s := pair(t, client, server)
			clientErr, serverErr := shake(c, s)
			require.NoError(t, clientErr)
			require.NoError(t, serverErr)
			for _, conn := range []*openssl.Conn{c, s} {
				state := conn.ConnectionState()
				assert.True(t, state.HandshakeComplete)
				assert.Equal(t, uint16(suite), state.CipherSuite)
				assert.Equal(t, uint16(0x0303), state.Version)
				assert.Equal(t, serverName, state.ServerName)
				assert.Equal(t, "http/1.1", state.NegotiatedProtocol)
				assert.False(t, state.DidResume)
				require.Len(t, state.PeerCertificates, 2)
			}
			assert.Equal(t, clientName, s.ConnectionState().PeerCertificates[0].Subject.CommonName)
			assert.Equal(t, serverName, c.ConnectionState().PeerCertificates[0].Subject.CommonName)
			go func() { _, _ = c.Write([]byte("hello")); _ = c.CloseWrite() }()
			got, err := io.ReadAll(s)
			require.NoError(t, err)
			assert.Equal(t, "hello", string(got))
		})
	}
}

// rawServer makes server connections that accept the right client.
func rawServer(t testing.TB) func(net.Conn) *openssl.Conn {
	t.Helper()
	newServer, err := openssl.NewServer(serverEndpoint())
	require.NoError(t, err)
	return newServer
}

// A spokenConn has said all that it says, and takes whatever it is told.
type spokenConn struct {
	net.Conn
	said []byte
}

func (c *spokenConn) Read(b []byte) (int, error) {
	if len(c.said) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.said)
	c.said = c.said[n:]
	return n, nil
}

func (c *spokenConn) Write(b []byte) (int, error)      { return len(b), nil }
func (c *spokenConn) Close() error                     { return nil }
func (c *spokenConn) SetWriteDeadline(time.Time) error { return nil }

func (c *spokenConn) RemoteAddr() net.Addr { return nil }

// A tunnel may have no name: none is sent, and the server must be one of those accepted.
func TestAClientWithoutANameAcceptsTheServersThatAreNamed(t *testing.T) {
	needLibrary(t)
	for name, accepted := range map[string]bool{serverName: true, "": false} {
		e := clientEndpoint()
		e.Verifier.FQDNs = nil
		if name != "" {
			e.Verifier.FQDNs = []string{name}
		}
		d, err := openssl.NewDialer(e)
		require.NoError(t, err)
		newServer, err := openssl.NewServer(serverEndpoint())
		require.NoError(t, err)
		a, b := tcpPipe(t)
		c, s := d.Client(a, ""), newServer(b)
		t.Cleanup(func() { c.Close(); s.Close() })
		clientErr, serverErr := shake(c, s)
		if accepted {
			require.NoError(t, clientErr)
			require.NoError(t, serverErr)
			assert.Empty(t, s.ConnectionState().ServerName)
			continue
		}
		refusal, ok := errors.AsType[*tlsconfig.PeerError](clientErr)
		require.True(t, ok, "%v", clientErr)
		assert.Equal(t, tlsconfig.RuleFQDN, refusal.Rule)
	}
}
