// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// Behind are the flags of a server behind a proxy that ends TLS.
type Behind struct {
	program, trust, secret string
	insecureNoSecret       bool
}

// Register adds the flags to fs.
func (b *Behind) Register(fs *flag.FlagSet) {
	fs.StringVar(&b.program, "behind", "", "the `PROGRAM` that ends TLS: nginx, haproxy, apache, envoy, rfc9440, aws or awsleaf; -cert and -key are then its")
	fs.StringVar(&b.trust, "trust", "", "`ADDR` or network that it connects from; not needed where -listen is unix:PATH")
	fs.StringVar(&b.secret, "secret", "", "`FILE` of the secret by which it is known; not needed where -listen is unix:PATH")
	fs.BoolVar(&b.insecureNoSecret, "insecure-no-secret", false, "trust whatever connects from -trust: for load balancers that can send no secret, such as AWS's, and a network that lets nothing else connect")
}

// Used reports whether a proxy ends TLS.
func (b *Behind) Used() bool { return b.program != "" }

// Front returns the peer source behind the proxy.
func (b *Behind) Front(v tlsconfig.Verifier, listen string, logger *slog.Logger) (*front.Front, error) {
	f := &front.Front{Form: front.Form(b.program), Verifier: v, Logger: logger}
	if b.secret != "" {
		secret, err := os.ReadFile(b.secret)
		if err != nil {
			return nil, fmt.Errorf("-secret: %w", err)
		}
		if f.Secret = strings.TrimSpace(string(secret)); f.Secret == "" {
			return nil, fmt.Errorf("-secret: %s is empty", b.secret)
		}
	}
	if strings.HasPrefix(listen, unixPrefix) {
		return f, f.Validate()
	}
	switch {
	case b.trust == "" || b.secret == "" && !b.insecureNoSecret:
		return nil, errors.New("-behind needs -trust and -secret, unless -listen is unix:PATH; a proxy that can send no secret needs -insecure-no-secret")
	case b.secret != "" && b.insecureNoSecret:
		return nil, errors.New("-secret and -insecure-no-secret are not for both at once")
	}
	network, err := netip.ParsePrefix(b.trust)
	if err != nil {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(b.trust); err != nil {
			return nil, fmt.Errorf("-trust: %q is neither an address nor a network", b.trust)
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	f.Proxies, f.InsecureNoSecret = []netip.Prefix{network}, b.insecureNoSecret
	return f, f.Validate()
}

// unixPrefix begins a -listen that is the path of a unix socket.
const unixPrefix = "unix:"
