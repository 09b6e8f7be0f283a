// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// An outcome is what the two ends make of one handshake.
type outcome struct {
	client, server       tls.ConnectionState
	clientErr, serverErr error
}

// handshake runs one over loopback; a net.Pipe would have both ends block on
// writing when one refuses the other.
func handshake(tb testing.TB, client, server *tls.Config) outcome {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	return handshakeOver(tb, l, client, server)
}

func handshakeOver(tb testing.TB, l net.Listener, client, server *tls.Config) (o outcome) {
	tb.Helper()
	judged, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer close(judged)
		raw, err := l.Accept()
		if err != nil {
			o.serverErr = err
			return
		}
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(time.Minute))
		conn := tls.Server(raw, server)
		o.serverErr = conn.Handshake()
		o.server = conn.ConnectionState()
		judged <- struct{}{}
		// To close with something unread would reset the connection, and the
		// alert might be lost.
		io.Copy(io.Discard, raw)
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	require.NoError(tb, err)
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	conn := tls.Client(raw, client)
	o.clientErr = conn.Handshake()
	o.client = conn.ConnectionState()
	<-judged
	raw.Close()
	<-done
	return o
}

// alert asserts that err is that TLS alert, received from the peer.
func alert(tb testing.TB, err error, want uint8) {
	tb.Helper()
	var op *net.OpError
	require.ErrorAs(tb, err, &op)
	require.Equal(tb, "remote error", op.Op, "%v", err)
	// crypto/tls does not export the type; the text names the alert.
	require.Equal(tb, tls.AlertError(want).Error(), op.Err.Error())
}

const (
	alertHandshakeFailure = 40
	alertBadCertificate   = 42
	alertProtocolVersion  = 70
)

func serverConfig(tb testing.TB, e *tlsconfig.Endpoint) *tls.Config {
	tb.Helper()
	cfg, err := e.ServerConfig()
	require.NoError(tb, err)
	return cfg
}

func clientConfig(tb testing.TB, e *tlsconfig.Endpoint) *tls.Config {
	tb.Helper()
	cfg, err := e.ClientConfig()
	require.NoError(tb, err)
	return cfg
}

// dialling is a client's config as tls.Dial would complete it.
func dialling(cfg *tls.Config, name string) *tls.Config {
	cfg = cfg.Clone()
	cfg.ServerName = name
	return cfg
}

// plainClient is any TLS 1.2 client with the certificate; it takes any server.
func plainClient(certs ...tls.Certificate) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,
		MaxVersion:         tls.VersionTLS12,
		Time:               clock,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(certs) == 0 {
				return new(tls.Certificate), nil
			}
			return &certs[0], nil
		},
	}
}
