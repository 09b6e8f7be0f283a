// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// An Engine is what does TLS: native (crypto/tls) or openssl (the system's libssl).
// With the build tag nolibssl the program has native alone, and with CGO_ENABLED=0 it
// then needs no C library.
type Engine string

// Register adds the flag to fs.
func (e *Engine) Register(fs *flag.FlagSet) {
	fs.StringVar((*string)(e), "engine", "native", "native: crypto/tls; openssl: the system's libssl")
}

// Listen puts TLS on inner.
func (e Engine) Listen(inner net.Listener, end *tlsconfig.Endpoint) (net.Listener, error) {
	switch e {
	case "native":
		config, err := end.ServerConfig()
		if err != nil {
			return nil, err
		}
		return tls.NewListener(inner, config), nil
	case "openssl":
		return listenLibssl(inner, end)
	}
	return nil, e.unknown()
}

// Transport returns an HTTP transport that connects as end.
func (e Engine) Transport(end *tlsconfig.Endpoint) (http.RoundTripper, error) {
	switch e {
	case "native":
		config, err := end.ClientConfig()
		if err != nil {
			return nil, err
		}
		return &http.Transport{TLSClientConfig: config}, nil
	case "openssl":
		return libsslTransport(end)
	}
	return nil, e.unknown()
}

func (e Engine) unknown() error { return fmt.Errorf("-engine is native or openssl, not %q", string(e)) }
