// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"errors"
	"io"
	"net"
	"time"
)

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
