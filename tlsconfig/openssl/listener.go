// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"net"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Available returns nil if a libssl that has all eight suites is installed, and
// otherwise says what is missing.
func Available() error {
	lib, err := system()
	if err != nil {
		return err
	}
	for _, server := range []bool{true, false} {
		ctx, err := lib.newContext(server, tlsconfig.Suites())
		if err != nil {
			return err
		}
		lib.freeContext(ctx)
	}
	return nil
}

// NewListener returns a listener whose Accept gives server connections of type
// *Conn on those that inner accepts; give it to http.Server.Serve. Accept does
// not wait for handshakes. What is wrong with the endpoint or the installed
// libssl is found here.
func NewListener(inner net.Listener, e *tlsconfig.Endpoint) (net.Listener, error) {
	d, err := newEnd(e, true)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: inner, end: d}, nil
}

type listener struct {
	net.Listener
	end *end
}

func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(inner, l.end, ""), nil
}
