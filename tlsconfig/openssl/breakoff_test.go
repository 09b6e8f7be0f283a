// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// A trailingConn sends something of its own right behind the first flight, in
// the same write.
type trailingConn struct {
	net.Conn
	once  sync.Once
	trail []byte
}

func (c *trailingConn) Write(b []byte) (int, error) {
	out := b
	c.once.Do(func() { out = append(bytes.Clone(b), c.trail...) })
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func TestNothingLeavesForAServerThatBreaksOffBeforeTheVerdict(t *testing.T) {
	needLibrary(t)
	for name, trail := range map[string][]byte{
		"a record that is none":     {99, 3, 3, 0, 1, 0},
		"a fatal alert":             {21, 3, 3, 0, 2, 2, 40},
		"a handshake message amiss": {22, 3, 3, 0, 4, 1, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			client := clientEndpoint()
			client.Verifier.Revocation = checker(func(context.Context, []*x509.Certificate, []byte) error { asked = true; return nil })
			d, err := openssl.NewDialer(client)
			require.NoError(t, err)
			other := spine().SiblingLeaf("other.nhs.uk")
			a, b := tcpPipe(t)
			sent := &recorder{Conn: a}
			c, s := d.Client(sent, serverName), tls.Server(&trailingConn{Conn: b, trail: trail}, loose(&other))
			defer c.Close()
			defer s.Close()
			clientErr, _ := shake(c, s)
			require.Error(t, clientErr)
			assert.False(t, asked)
			for _, k := range sent.types(t)[1:] {
				assert.EqualValues(t, 21, k, "nothing but an alert after its hello")
			}
			assert.False(t, bytes.Contains(sent.sent, []byte(clientName)), "the certificate")
		})
	}
}

// clientHello is what a client of crypto/tls says first.
func clientHello(t *testing.T) []byte {
	a, b := net.Pipe()
	go func() { tls.Client(a, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake() }()
	buf := make([]byte, 4096)
	n, err := b.Read(buf)
	require.NoError(t, err)
	b.Close()
	a.Close()
	return buf[:n]
}

func TestAPeerThatSaysGoodbyeInTheHandshakeEndsIt(t *testing.T) {
	needLibrary(t)
	server := serverEndpoint()
	hello := clientHello(t)
	bubble(t, func(t *testing.T, at func(*tlsconfig.Endpoint) *tlsconfig.Endpoint) {
		newServer, err := openssl.NewServer(at(server))
		require.NoError(t, err)
		a, b := net.Pipe()
		go func() {
			a.Write(append(hello, 21, 3, 3, 0, 2, 1, 0))
			io.Copy(io.Discard, a)
		}()
		s := newServer(b)
		start := time.Now()
		require.Error(t, s.Handshake())
		assert.Zero(t, time.Since(start))
		s.Close()
		a.Close()
		synctest.Wait()
	})
}

// A lastBytesConn returns the last bytes together with the end, as io.Reader allows.
type lastBytesConn struct {
	net.Conn
	last atomic.Bool
}

func (c *lastBytesConn) Read(b []byte) (int, error) {
	if !c.last.Load() {
		return c.Conn.Read(b)
	}
	all, err := io.ReadAll(c.Conn)
	if err == nil {
		err = io.EOF
	}
	return copy(b, all), err
}

func TestBytesThatComeWithTheEndAreRead(t *testing.T) {
	needLibrary(t)
	c, s := pair(t, clientEndpoint(), serverEndpoint())
	inner := &lastBytesConn{Conn: openssl.Inner(c)}
	openssl.SetInner(c, inner)
	clientErr, serverErr := shake(c, s)
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
	inner.last.Store(true)
	_, err := s.Write([]byte("hello"))
	require.NoError(t, err)
	s.Close()
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(got))
}
