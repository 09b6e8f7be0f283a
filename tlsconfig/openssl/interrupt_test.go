// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// A stuckConn is a connection on which one operation never ends by itself: it
// goes to a peer that neither reads nor writes. Close and deadlines reach it.
type stuckConn struct {
	net.Conn
	void    net.Conn
	at      int64
	count   atomic.Int64
	reached chan struct{}
}

func stuckAt(inner net.Conn, at int) (*stuckConn, net.Conn) {
	void, far := net.Pipe()
	return &stuckConn{Conn: inner, void: void, at: int64(at), reached: make(chan struct{})}, far
}

func (c *stuckConn) next() net.Conn {
	if c.count.Add(1) != c.at+1 {
		return c.Conn
	}
	close(c.reached)
	return c.void
}

func (c *stuckConn) Read(b []byte) (int, error)  { return c.next().Read(b) }
func (c *stuckConn) Write(b []byte) (int, error) { return c.next().Write(b) }
func (c *stuckConn) Close() error                { return errors.Join(c.void.Close(), c.Conn.Close()) }
func (c *stuckConn) SetDeadline(t time.Time) error {
	return errors.Join(c.void.SetDeadline(t), c.Conn.SetDeadline(t))
}

// atEveryPoint runs interrupt while the handshake of one end is stuck in its
// first, second, third ... operation on the network, until there is none left,
// and wants the handshake to end with one of the errors.
func atEveryPoint(t *testing.T, interrupt func(conn *openssl.Conn, cancel func()), want ...error) {
	for _, role := range []string{"client", "server"} {
		t.Run(role, func(t *testing.T) {
			d, err := openssl.NewDialer(clientEndpoint())
			require.NoError(t, err)
			newServer, err := openssl.NewServer(serverEndpoint())
			require.NoError(t, err)
			for at := 0; ; at++ {
				a, b := tcpPipe(t)
				stuck, far := stuckAt(a, at)
				if role == "server" {
					stuck, far = stuckAt(b, at)
					b = stuck
				} else {
					a = stuck
				}
				c, s := d.Client(a, serverName), newServer(b)
				mine, theirs := c, s
				if role == "server" {
					mine, theirs = s, c
				}
				ctx, cancel := context.WithCancel(t.Context())
				other, result := make(chan error, 1), make(chan error, 1)
				go func() { other <- theirs.Handshake() }()
				go func() { result <- mine.HandshakeContext(ctx) }()
				finished := false
				select {
				case <-stuck.reached:
					interrupt(mine, cancel)
				case err := <-result:
					require.NoError(t, err)
					finished = true
					stuck.count.Add(1 << 32) // what follows is not the handshake
				}
				if !finished {
					err := <-result
					ok := false
					for _, w := range want {
						ok = ok || errors.Is(err, w)
					}
					assert.True(t, ok, "operation %d: %v", at, err)
					_, again := mine.Write([]byte("x"))
					assert.Equal(t, err, again, "the end is final")
				}
				mine.Close()
				theirs.Close()
				<-other
				cancel()
				far.Close()
				stuck.Close()
				if finished {
					require.Greater(t, at, 3, "a handshake has more operations than that")
					return
				}
			}
		})
	}
}

func TestCloseEndsAHandshakeAtEveryPoint(t *testing.T) {
	needLibrary(t)
	atEveryPoint(t, func(c *openssl.Conn, _ func()) { c.Close() }, net.ErrClosed)
}

func TestTheContextEndsAHandshakeAtEveryPoint(t *testing.T) {
	needLibrary(t)
	atEveryPoint(t, func(_ *openssl.Conn, cancel func()) { cancel() }, context.Canceled)
}

func TestADeadlineEndsAHandshakeAtEveryPoint(t *testing.T) {
	needLibrary(t)
	atEveryPoint(t, func(c *openssl.Conn, _ func()) { _ = c.SetDeadline(time.Now()) }, os.ErrDeadlineExceeded)
}

func TestCloseEndsTheCheckOfAPeer(t *testing.T) {
	needLibrary(t)
	for _, role := range []string{"client", "server"} {
		t.Run(role, func(t *testing.T) {
			checking := make(chan struct{})
			wait := checker(func(ctx context.Context, _ []*x509.Certificate, _ []byte) error {
				close(checking)
				<-ctx.Done()
				return ctx.Err()
			})
			client, server := clientEndpoint(), serverEndpoint()
			if role == "client" {
				client.Verifier.Revocation = wait
			} else {
				server.Verifier.Revocation = wait
			}
			c, s := pair(t, client, server)
			mine, theirs := c, s
			if role == "server" {
				mine, theirs = s, c
			}
			other, result := make(chan error, 1), make(chan error, 1)
			go func() { other <- theirs.Handshake() }()
			go func() { result <- mine.Handshake() }()
			<-checking
			require.NoError(t, mine.Close())
			require.ErrorIs(t, <-result, net.ErrClosed)
			require.Error(t, <-other)
		})
	}
}

// bubble runs f with a clock of its own; the certificates keep to the real one.
func bubble(t *testing.T, f func(t *testing.T, at func(*tlsconfig.Endpoint) *tlsconfig.Endpoint)) {
	now := time.Now()
	synctest.Test(t, func(t *testing.T) {
		f(t, func(e *tlsconfig.Endpoint) *tlsconfig.Endpoint {
			e.Verifier.Time = func() time.Time { return now }
			return e
		})
	})
}

// serverInBubble runs f with a server in a bubble.
func serverInBubble(t *testing.T, f func(t *testing.T, newServer func(net.Conn) *openssl.Conn)) {
	server := serverEndpoint()
	bubble(t, func(t *testing.T, at func(*tlsconfig.Endpoint) *tlsconfig.Endpoint) {
		newServer, err := openssl.NewServer(at(server))
		require.NoError(t, err)
		f(t, newServer)
	})
}

func TestAPeerThatTricklesRunsIntoTheHandshakesLimit(t *testing.T) {
	needLibrary(t)
	serverInBubble(t, func(t *testing.T, newServer func(net.Conn) *openssl.Conn) {
		a, b := net.Pipe()
		trickled := make(chan struct{})
		go func() {
			defer close(trickled)
			// The header of a record that never ends.
			hello := append([]byte{22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3}, make([]byte, 1000)...)
			for i := range hello {
				if _, err := a.Write(hello[i : i+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		start := time.Now()
		s := newServer(b)
		require.ErrorIs(t, s.Handshake(), context.DeadlineExceeded)
		assert.Equal(t, 20*time.Second, time.Since(start), "ten for the network, ten for the check")
		s.Close()
		a.Close()
		<-trickled
	})
}

func TestAPeerThatSaysNothingCostsNoObject(t *testing.T) {
	needLibrary(t)
	serverInBubble(t, func(t *testing.T, newServer func(net.Conn) *openssl.Conn) {
		before := openssl.Live()["SSL"]
		a, b := net.Pipe()
		s := newServer(b)
		result := make(chan error, 1)
		go func() { result <- s.Handshake() }()
		synctest.Wait()
		assert.Equal(t, before, openssl.Live()["SSL"])
		require.ErrorIs(t, <-result, context.DeadlineExceeded)
		s.Close()
		a.Close()
	})
}

func TestAPeerThatVanishesInTheHandshake(t *testing.T) {
	needLibrary(t)
	for _, role := range []string{"client", "server"} {
		t.Run(role, func(t *testing.T) {
			for n := 0; ; n++ {
				c, s := pair(t, clientEndpoint(), serverEndpoint())
				mine, theirs := c, s
				if role == "server" {
					mine, theirs = s, c
				}
				inner := openssl.Inner(theirs)
				vanishing := &vanishingConn{Conn: inner, left: n}
				openssl.SetInner(theirs, vanishing)
				other := make(chan error, 1)
				go func() { other <- theirs.Handshake() }()
				err := mine.Handshake()
				if <-other == nil {
					require.NoError(t, err)
					require.Greater(t, n, 2)
					return
				}
				if err == nil {
					// A server is done when it has sent its Finished, and learns of it later.
					_, err = mine.Read(make([]byte, 1))
				}
				require.Error(t, err)
				require.NotEqual(t, io.EOF, err)
			}
		})
	}
}

// A vanishingConn is gone after some operations.
type vanishingConn struct {
	net.Conn
	left int
}

func (c *vanishingConn) gone() bool {
	if c.left == 0 {
		c.Conn.Close()
		return true
	}
	c.left--
	return false
}

func (c *vanishingConn) Read(b []byte) (int, error) {
	if c.gone() {
		return 0, net.ErrClosed
	}
	return c.Conn.Read(b)
}

func (c *vanishingConn) Write(b []byte) (int, error) {
	if c.gone() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// established is a pair after its handshakes.
func established(t testing.TB) (c, s *openssl.Conn) {
	t.Helper()
	c, s = pair(t, clientEndpoint(), serverEndpoint())
	clientErr, serverErr := shake(c, s)
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
	return c, s
}

func TestCloseEndsReadAndWrite(t *testing.T) {
	needLibrary(t)
	c, _ := established(t)
	read, wrote := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.Read(make([]byte, 1)); read <- err }()
	go func() {
		for {
			// The peer does not read, so this comes to wait for it.
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				wrote <- err
				return
			}
		}
	}()
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-read, net.ErrClosed)
	require.ErrorIs(t, <-wrote, net.ErrClosed)
	require.ErrorIs(t, c.Close(), net.ErrClosed)
}

func TestAReadMayGoOnAfterItsDeadline(t *testing.T) {
	needLibrary(t)
	c, s := established(t)
	require.NoError(t, c.SetReadDeadline(time.Now()))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetReadDeadline(time.Time{}))
	_, err = s.Write([]byte("y"))
	require.NoError(t, err)
	b := make([]byte, 1)
	_, err = c.Read(b)
	require.NoError(t, err)
	assert.Equal(t, "y", string(b))
}

func TestAWriteMayNotGoOnAfterItsDeadline(t *testing.T) {
	needLibrary(t)
	c, _ := established(t)
	require.NoError(t, c.SetWriteDeadline(time.Now()))
	_, err := c.Write([]byte("x"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetWriteDeadline(time.Time{}))
	_, again := c.Write([]byte("x"))
	require.Equal(t, err, again)
}

func TestHowAConnectionEnds(t *testing.T) {
	needLibrary(t)
	t.Run("with a close_notify it is EOF", func(t *testing.T) {
		c, s := established(t)
		require.NoError(t, s.CloseWrite())
		require.NoError(t, s.CloseWrite(), "once more does nothing")
		_, err := c.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		_, err = s.Write([]byte("x"))
		require.Error(t, err)
		_, err = c.Write([]byte("the other way is open"))
		require.NoError(t, err)
		b := make([]byte, 64)
		n, err := s.Read(b)
		require.NoError(t, err)
		assert.Equal(t, "the other way is open", string(b[:n]))
	})
	t.Run("without one it is unexpected", func(t *testing.T) {
		c, s := established(t)
		openssl.Inner(s).Close()
		_, err := c.Read(make([]byte, 1))
		require.Equal(t, io.ErrUnexpectedEOF, err)
	})
	t.Run("a record that was tampered with is an alert", func(t *testing.T) {
		c, s := established(t)
		_, err := openssl.Inner(s).Write([]byte{23, 3, 3, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		refusal, ok := errors.AsType[*openssl.LibraryError](err)
		require.True(t, ok, "%v", err)
		assert.Contains(t, refusal.Error(), "bad record mac")
		_, err = s.Read(make([]byte, 1))
		requireAlert(t, 20, err)
	})
	t.Run("CloseWrite before the handshake is an error", func(t *testing.T) {
		c, _ := pair(t, clientEndpoint(), serverEndpoint())
		require.Error(t, c.CloseWrite())
	})
}
