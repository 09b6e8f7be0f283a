// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// failed is what to do when libssl gives up: it has an alert to send, and a
// reason to give. held: there is a peer's certificate and no verdict on it.
func (c *Conn) failed(s *session, err error, held bool) error {
	refusal, ok := errors.AsType[*LibraryError](err)
	if !ok {
		return err
	}
	if held {
		c.flushAlert(s)
	} else {
		_ = c.flush(s)
	}
	return refusal.orAlert()
}

// flushAlert sends libssl's alert, or one in its place if there is more than
// that: the call that failed may have written everything up to this end's
// Finished first, and none of that is for an unverified peer.
func (c *Conn) flushAlert(s *session) {
	out, err := s.drain(nil)
	if err != nil || len(out) == 0 {
		return
	}
	instead := plainAlert(alertHandshakeFailure)
	if out[0] != contentTypeAlert || len(out) != len(instead) {
		out = instead
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	_, _ = c.inner.Write(out)
}

// alert tells the peer that this end gives up, in the clear. What libssl has
// written in the meantime is never sent.
func (c *Conn) alert(a tls.AlertError) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	_, _ = c.inner.Write(plainAlert(a))
}

// logRefusal logs why a client got no further: net/http logs nothing about a
// handshake that is not crypto/tls's. What the verifier refuses is logged already.
func (c *Conn) logRefusal(ctx context.Context, err error) {
	if _, judged := errors.AsType[*tlsconfig.PeerError](err); !judged {
		c.log(ctx, err)
	}
}

func (c *Conn) log(ctx context.Context, err error) {
	if errors.Is(err, net.ErrClosed) || !c.end.server {
		return
	}
	attrs := []slog.Attr{slog.String("detail", err.Error())}
	if remote := c.inner.RemoteAddr(); remote != nil { // net/http, too, takes connections without one
		attrs = append([]slog.Attr{slog.String("remote", remote.String())}, attrs...)
	}
	level := slog.LevelWarn
	if errors.Is(err, errSilent) {
		level = slog.LevelDebug // health checks and scans
	}
	c.end.checked.Log(ctx, level, "handshake failed", attrs...)
}
