// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"runtime"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

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
