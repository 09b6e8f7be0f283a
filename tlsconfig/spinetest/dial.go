// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"context"
	"fmt"
	"net"
)

// SetHost lets fqdn stand for the address, host and port, of a server that was
// not started by this PKI, another program for instance.
func (p *PKI) SetHost(fqdn, address string) { p.hosts.set(fqdn, address) }

// DialContext connects to the server of the PKI that has the host's name,
// whatever the port. Addresses of loopback are dialled as they are, all others
// are refused. It is for [net/http.Transport], so that tests can use URLs such
// as https://provider.nhs.uk/records/1.
func (p *PKI) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if known, ok := p.hosts.get(host); ok {
		address = known
	} else if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("spinetest: no server of this PKI is called %q", host)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}
