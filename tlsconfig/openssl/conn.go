// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
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

// handshakeTimeout bounds a handshake, without the time that Endpoint.Timeout
// gives the check of the peer.
const handshakeTimeout = 10 * time.Second

// closeTimeout bounds how long a dying connection tries to say so.
const closeTimeout = 5 * time.Second

// idleTimeout is how long a Transport keeps a connection that no request uses.
const idleTimeout = 90 * time.Second

func newConn(inner net.Conn, d *end, name string) *Conn {
	c := &Conn{inner: inner, end: d, name: name}
	c.closing, c.cancel = context.WithCancel(context.Background())
	return c
}

// HandshakeContext runs the handshake unless it has been run, and returns what
// came of it. When ctx ends before, or the engine's own limit of ten seconds
// and Endpoint.Timeout passes, the network connection is closed.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if c.established.Load() {
		return nil
	}
	c.handshakeMu.Lock()
	defer c.handshakeMu.Unlock()
	if c.established.Load() || c.handshakeErr != nil {
		return c.handshakeErr
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout+c.end.checkTimeout())
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)()
	// Only this makes a Read or a Write of the network return when ctx ends.
	interrupted := context.AfterFunc(ctx, func() { _ = c.inner.Close() })
	err := c.handshake(ctx)
	if !interrupted() || err != nil {
		switch {
		case c.closed.Load():
			err = net.ErrClosed
		case ctx.Err() != nil:
			err = ctx.Err()
		}
		c.handshakeErr = err
		c.release()
		c.logRefusal(ctx, err)
		return err
	}
	c.established.Store(true)
	return nil
}

// Handshake is HandshakeContext without a context.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

func (d *end) checkTimeout() time.Duration {
	if d.endpoint.Timeout > 0 {
		return d.endpoint.Timeout
	}
	return handshakeTimeout
}

func (d *end) now() time.Time {
	if d.endpoint.Verifier.Time != nil {
		return d.endpoint.Verifier.Time()
	}
	return time.Now()
}

// handshake runs libssl's state machine between the network and the verifier.
func (c *Conn) handshake(ctx context.Context) error {
	var received []byte
	if c.end.server {
		// A client that connects and sends nothing costs no C object.
		n, err := c.inner.Read(c.small[:])
		if err == io.EOF && n == 0 {
			return errSilent
		}
		if err != nil && n == 0 {
			return unexpected(err)
		}
		received = c.small[:n]
	}
	if err := c.begin(ctx); err != nil {
		c.alert(alertInternalError)
		return err
	}
	s := c.session.Load()
	judged := false
	for {
		if err := s.feed(received); err != nil {
			return err
		}
		o, known, output, err := s.handshake(ctx)
		if err != nil {
			return c.failed(s, err, known && !judged)
		}
		if o == ended {
			return io.ErrUnexpectedEOF // a close_notify: there will be no handshake
		}
		// What libssl writes after it has the peer's certificate is, on a server,
		// its Finished and, on a client, everything from its own certificate to its
		// Finished. By then libssl has seen the peer prove that it has the key.
		// None of it leaves before the verdict; whatever the verdict waits for, it
		// waits outside of libssl, and holds neither lock nor thread. A client that
		// has presented no certificate comes to the same verdict, after all that it
		// sends has been read: an alert that is sent before may be lost.
		if !judged && (o == done || known && output) {
			if err := c.verify(ctx, s); err != nil {
				c.alert(alertFor(err, c.end.now))
				return err
			}
			judged = true
		}
		if output {
			if err := c.flush(s); err != nil {
				return err
			}
		}
		if o == done {
			if !judged {
				return errUnverified
			}
			return c.complete(s)
		}
		n, err := c.inner.Read(c.small[:])
		if err != nil && n == 0 {
			return unexpected(err)
		}
		received = c.small[:n]
	}
}

// begin makes the SSL.
func (c *Conn) begin(ctx context.Context) error {
	sslCtx, err := c.end.context(ctx)
	if err != nil {
		return err
	}
	s, err := sslCtx.newSession(c.end.server, c.name)
	if err != nil {
		return err
	}
	c.cleanup = runtime.AddCleanup(c, (*session).free, s)
	c.session.Store(s)
	if c.closed.Load() {
		// Close may have looked for the session before it was there.
		c.release()
		return net.ErrClosed
	}
	return nil
}

// verify puts what the peer has presented before the endpoint's verifier.
func (c *Conn) verify(ctx context.Context, s *session) error {
	chain, stapled, err := s.peer()
	if err != nil {
		err = &tlsconfig.PeerError{Rule: tlsconfig.RuleKey, Detail: "the certificate cannot be read", Err: err}
		c.log(ctx, err) // for the verifier, which logs the others, has not seen it
		return err
	}
	p := tlsconfig.Presented{Certificates: chain, Usage: c.end.checked.PeerUsage(), ServerName: c.name, OCSPResponse: stapled, Remote: c.inner.RemoteAddr()}
	if err := c.end.checked.VerifyPeer(ctx, p); err != nil {
		return err
	}
	c.state.PeerCertificates, c.state.OCSPResponse = chain, stapled
	return nil
}

// complete notes what was negotiated.
func (c *Conn) complete(s *session) error {
	state, err := s.state(c.end.suites)
	if err != nil {
		return err
	}
	state.PeerCertificates, state.OCSPResponse = c.state.PeerCertificates, c.state.OCSPResponse
	if !c.end.server {
		state.ServerName = c.name
	}
	c.state = state
	return nil
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

// ConnectionState runs the handshake if need be, since http.Server has no other
// way to ask for it, and describes the connection. It is zero if the handshake
// failed. Keying material cannot be exported, and VerifiedChains is left to the
// verifier: neither it nor TLSUnique is filled.
func (c *Conn) ConnectionState() tls.ConnectionState {
	if c.Handshake() != nil {
		return tls.ConnectionState{}
	}
	return c.state
}

// Read reads what the peer has sent. At the end it is io.EOF if the peer said
// that it was done and io.ErrUnexpectedEOF if the network connection ended first.
func (c *Conn) Read(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.readMu.Lock()
	defer c.readMu.Unlock()
	if c.readErr != nil || len(b) == 0 {
		return 0, c.readErr
	}
	s := c.session.Load()
	for full := false; ; {
		n, o, output, err := s.read(b)
		if output || err != nil {
			c.readErr = c.cutOff(s, err)
			return 0, c.readErr
		}
		switch o {
		case done:
			return n, nil
		case ended:
			c.readErr = io.EOF
			return 0, io.EOF
		}
		if full, err = c.receive(s, full); err != nil {
			if netErr, ok := errors.AsType[net.Error](err); !ok || !netErr.Timeout() {
				c.readErr = err
			}
			return 0, err
		}
	}
}

// receive hands libssl what the network has. A connection that waits for its
// next request waits with a small buffer; full says that it was filled, so that
// more is there to read and a large one pays.
func (c *Conn) receive(s *session, large bool) (full bool, err error) {
	b := c.small[:]
	if large {
		buf := getBuffer()
		defer putBuffer(buf)
		b = (*buf)[:cap(*buf)]
	}
	n, err := c.inner.Read(b)
	// Bytes that come with an error count first: it comes again (io.Reader).
	if err != nil && n == 0 {
		if c.closed.Load() {
			return false, net.ErrClosed
		}
		return false, unexpected(err)
	}
	return n == len(b), s.feed(b[:n])
}

// cutOff ends a connection on which reading made libssl answer: with an alert,
// because what was read is broken, or because the peer wants to renegotiate,
// which would make it another peer and which the profile forbids.
func (c *Conn) cutOff(s *session, err error) error {
	if err == nil {
		err = errRenegotiate
	}
	if refusal, ok := errors.AsType[*LibraryError](err); ok {
		err = refusal.orAlert()
	}
	// A writer that waits for a peer which does not read must not make a reader wait.
	if c.writeMu.TryLock() {
		defer c.writeMu.Unlock()
		if out, drainErr := s.drain(nil); drainErr == nil && len(out) > 0 && c.writeErr == nil {
			_ = c.inner.SetWriteDeadline(time.Now().Add(closeTimeout))
			_, _ = c.inner.Write(out)
			c.writeErr = err
		}
	}
	return err
}

// Write sends b. After an error, a passed deadline included, nothing more can
// be written: how much of a record was sent is unknown.
func (c *Conn) Write(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	buf := getBuffer()
	defer putBuffer(buf)
	sent := 0
	for sent < len(b) {
		if c.closed.Load() {
			return sent, net.ErrClosed
		}
		if c.writeErr != nil {
			return sent, c.writeErr
		}
		chunk := b[sent:min(len(b), sent+maxChunk)]
		out, err := c.session.Load().write(chunk, (*buf)[:0])
		if err == nil {
			*buf = out[:0]
			_, err = c.inner.Write(out)
		}
		if err != nil {
			c.writeErr = err
			return sent, err
		}
		sent += len(chunk)
	}
	return sent, nil
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
