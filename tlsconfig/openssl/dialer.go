// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"net"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Dialer opens client connections; safe for concurrent use.
type Dialer struct{ end *end }

// NewDialer returns a dialler for e. What is wrong with the endpoint or the
// installed libssl is found here.
func NewDialer(e *tlsconfig.Endpoint) (*Dialer, error) {
	d, err := newEnd(e, false)
	if err != nil {
		return nil, err
	}
	return &Dialer{end: d}, nil
}

// DialContext connects to addr, host:port, and completes the handshake before
// ctx ends; the connection is a *Conn. The host is what the server is told to
// be called and, where Verifier.FQDNs is empty, what it must be called. The
// method fits http.Transport.DialTLSContext, which gives it the connections
// that do not go through an HTTP proxy.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	inner, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := newConn(inner, d.end, host)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
