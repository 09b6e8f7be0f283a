// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// A secured is what both engines' connections have in common.
type secured interface {
	net.Conn
	Handshake() error
	CloseWrite() error
}

// engines make both ends of a connection with one suite.
var engines = []struct {
	name   string
	native bool
	ends   func(b *testing.B, suite tlsconfig.Suite) (client, server func(net.Conn) secured)
}{
	{"crypto-tls", true, func(b *testing.B, suite tlsconfig.Suite) (client, server func(net.Conn) secured) {
		c, s := clientEndpoint(), serverEndpoint()
		c.Suites, s.Suites = []tlsconfig.Suite{suite}, []tlsconfig.Suite{suite}
		clientConfig, err := c.ClientConfig()
		require.NoError(b, err)
		clientConfig.ClientSessionCache, clientConfig.ServerName = nil, serverName
		serverConfig, err := s.ServerConfig()
		require.NoError(b, err)
		return func(conn net.Conn) secured { return tls.Client(conn, clientConfig) },
			func(conn net.Conn) secured { return tls.Server(conn, serverConfig) }
	}},
	{"libssl", false, func(b *testing.B, suite tlsconfig.Suite) (client, server func(net.Conn) secured) {
		c, s := clientEndpoint(), serverEndpoint()
		c.Suites, s.Suites = []tlsconfig.Suite{suite}, []tlsconfig.Suite{suite}
		d, err := openssl.NewDialer(c)
		require.NoError(b, err)
		newServer, err := openssl.NewServer(s)
		require.NoError(b, err)
		return func(conn net.Conn) secured { return d.Client(conn, serverName) },
			func(conn net.Conn) secured { return newServer(conn) }
	}},
}

// eachEngine runs f with each suite of each engine that has it.
func eachEngine(b *testing.B, f func(b *testing.B, client, server func(net.Conn) secured)) {
	needLibrary(b)
	for _, suite := range tlsconfig.Suites() {
		for _, engine := range engines {
			if engine.native && !suite.Native() {
				continue
			}
			b.Run(suite.String()+"/"+engine.name, func(b *testing.B) {
				client, server := engine.ends(b, suite)
				f(b, client, server)
			})
		}
	}
}

// BenchmarkHandshake is a full handshake, both ends verified by the same
// Verifier, both in this process, on a loopback connection that is dialled.
func BenchmarkHandshake(b *testing.B) {
	eachEngine(b, func(b *testing.B, client, server func(net.Conn) secured) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		defer l.Close()
		result := make(chan error)
		go func() {
			for {
				inner, err := l.Accept()
				if err != nil {
					return
				}
				s := server(inner)
				err = s.Handshake()
				s.Close()
				result <- err
			}
		}()
		for b.Loop() {
			inner, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			c := client(inner)
			if err := c.Handshake(); err != nil {
				b.Fatal(err)
			}
			if err := <-result; err != nil {
				b.Fatal(err)
			}
			c.Close()
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
	})
}

// BenchmarkBulk sends in writes of 64 kB, one way.
func BenchmarkBulk(b *testing.B) {
	eachEngine(b, func(b *testing.B, client, server func(net.Conn) secured) {
		x, y := tcpPipe(b)
		c, s := client(x), server(y)
		defer c.Close()
		defer s.Close()
		clientErr, serverErr := shake(c, s)
		require.NoError(b, clientErr)
		require.NoError(b, serverErr)
		read := make(chan error, 1)
		go func() {
			_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s}, make([]byte, 64<<10))
			read <- err
		}()
		block := make([]byte, 64<<10)
		b.SetBytes(int64(len(block)))
		for b.Loop() {
			if _, err := c.Write(block); err != nil {
				b.Fatal(err)
			}
		}
		require.NoError(b, c.CloseWrite())
		require.NoError(b, <-read)
	})
}
