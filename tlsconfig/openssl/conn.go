// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is a TLS connection on libssl. It behaves as *tls.Conn does: the
// handshake is run by the first Read, Write, ConnectionState or
// HandshakeContext; its methods may be called at the same time by several
// goroutines; Close ends every one of them. It must be closed.
type Conn struct {
	inner net.Conn
	end   *end
	name  string // client side: the name dialled

	handshakeMu  sync.Mutex
	handshakeErr error
	established  atomic.Bool         // set after state
	state        tls.ConnectionState // not changed after established

	closed  atomic.Bool
	closing context.Context // ends with Close
	cancel  context.CancelFunc
	session atomic.Pointer[session] // nil before the handshake has begun
	cleanup runtime.Cleanup

	readMu  sync.Mutex // one reader of inner at a time
	readErr error
	small   [4 << 10]byte // enough for a handshake and for most requests: who waits for the peer waits with no more

	writeMu  sync.Mutex // one writer to inner at a time: what libssl encrypts first leaves first
	writeErr error
}

// closeTimeout bounds how long a dying connection tries to say so.
const closeTimeout = 5 * time.Second

func newConn(inner net.Conn, d *end, name string) *Conn {
	c := &Conn{inner: inner, end: d, name: name}
	c.closing, c.cancel = context.WithCancel(context.Background())
	return c
}

// flush sends what libssl has for the peer.
func (c *Conn) flush(s *session) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	buf := getBuffer()
	defer putBuffer(buf)
	out, err := s.drain((*buf)[:0])
	if err != nil {
		return err
	}
	_, err = c.inner.Write(out)
	return err
}

// LocalAddr returns the network connection's.
func (c *Conn) LocalAddr() net.Addr { return c.inner.LocalAddr() }

// RemoteAddr returns the network connection's.
func (c *Conn) RemoteAddr() net.Addr { return c.inner.RemoteAddr() }

// SetDeadline sets both deadlines of the network connection.
func (c *Conn) SetDeadline(t time.Time) error { return c.inner.SetDeadline(t) }

// SetReadDeadline sets the network connection's. Reading may go on after it has
// passed and been moved.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.inner.SetReadDeadline(t) }

// SetWriteDeadline sets the network connection's.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.inner.SetWriteDeadline(t) }

// unexpected is err, unless the network connection ended where TLS had not.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// release gives the SSL back.
func (c *Conn) release() {
	if s := c.session.Load(); s != nil {
		s.free()
		c.cleanup.Stop()
	}
}
