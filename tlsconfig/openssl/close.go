// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"errors"
	"net"
	"time"
)

// CloseWrite tells the peer that nothing more will come. It fails before the
// handshake.
func (c *Conn) CloseWrite() error {
	if !c.established.Load() {
		return errNotReady
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	return c.closeNotify()
}

// closeNotify wants the caller to hold writeMu.
func (c *Conn) closeNotify() error {
	if c.writeErr != nil {
		if c.writeErr == errShutdown {
			return nil
		}
		return c.writeErr
	}
	c.writeErr = errShutdown
	out, err := c.session.Load().shutdown(nil)
	if err == nil {
		_, err = c.inner.Write(out)
	}
	return err
}

// Close tells the peer, waiting at most five seconds, unless a Write is under
// way, and closes the network connection. Whatever waits on the connection
// returns with an error.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.cancel()
	if c.established.Load() && c.writeMu.TryLock() {
		_ = c.inner.SetWriteDeadline(time.Now().Add(closeTimeout))
		_ = c.closeNotify()
		c.writeMu.Unlock()
	}
	err := c.inner.Close()
	c.release()
	if errors.Is(err, net.ErrClosed) {
		return nil // by the end of a handshake, at the same time
	}
	return err
}
