// SPDX-License-Identifier: Apache-2.0

// Package engine is what does TLS in the examples that can do it by libssl. The others do
// not link it.
package engine

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Name says which engine does TLS: native (crypto/tls) or openssl (the system's libssl).
// With the build tag nolibssl the program has native alone, and with CGO_ENABLED=0 it
// then needs no C library.
type Name string

// Register adds the flag to fs.
func (n *Name) Register(fs *flag.FlagSet) {
	fs.StringVar((*string)(n), "engine", "native", "native: crypto/tls; openssl: the system's libssl")
}

// Listen puts TLS on inner.
func (n Name) Listen(inner net.Listener, end *tlsconfig.Endpoint) (net.Listener, error) {
	switch n {
	case "native":
		config, err := end.ServerConfig()
		if err != nil {
			return nil, err
		}
		return tls.NewListener(inner, config), nil
	case "openssl":
		return listenLibssl(inner, end)
	}
	return nil, n.unknown()
}

// Transport returns an HTTP transport that connects as end.
func (n Name) Transport(end *tlsconfig.Endpoint) (http.RoundTripper, error) {
	switch n {
	case "native":
		config, err := end.ClientConfig()
		if err != nil {
			return nil, err
		}
		return &http.Transport{TLSClientConfig: config}, nil
	case "openssl":
		return libsslTransport(end)
	}
	return nil, n.unknown()
}

func (n Name) unknown() error { return fmt.Errorf("-engine is native or openssl, not %q", string(n)) }
