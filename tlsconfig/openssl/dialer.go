// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"net"
	"strings"

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
// be called and, where Verifier.FQDNs is empty, what it must be called. For HTTP
// see [Dialer.Transport]: an http.Transport with this method as DialTLSContext
// makes connections through a proxy by crypto/tls, and without any of this.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	inner, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := d.Client(inner, host)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Client returns a client's connection over inner, such as a tunnel that CONNECT or
// SOCKS has opened. Its handshake is run by HandshakeContext or the first Read or
// Write. name is what the server is told to be called and, where Verifier.FQDNs is
// empty, what it must be called; a trailing dot is left out (RFC 6066 section 3). Empty:
// the server is told none, and must be one of Verifier.FQDNs.
func (d *Dialer) Client(inner net.Conn, name string) *Conn {
	return newConn(inner, d.end, strings.TrimSuffix(name, "."))
}
