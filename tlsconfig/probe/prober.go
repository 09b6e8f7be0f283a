// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Prober asks a server, by handshakes, what it really does. Probe only
// servers that you answer for: it makes some sixty connections, one after
// another, and sends bad certificates on some. The zero value asks what needs no
// certificate. A Prober is safe for concurrent use; its fields must not change
// once it is used.
type Prober struct {
	// ServerName is the FQDN that is sent in the hello and expected in the
	// server's certificate; empty: the host of the address.
	ServerName string

	// Certificate is a good client certificate; without it, what a server does
	// with clients is asked only as far as it refuses them in the handshake or nginx
	// does by its page: what else it answers tells nothing without the answer to a good
	// one. It needs a private key and should come with its SubCA.
	Certificate *tls.Certificate

	// Bad are certificates that the server must refuse, each with the reason.
	// SelfSigned makes one; spinetest can make others if the server trusts its
	// PKI.
	Bad []BadCertificate

	// Verifier judges the server's certificate: its Pins, and FQDNs unless
	// ServerName says it all. Nil: the chain is not asked about. With an
	// InsecureSkipRevocation the revocation is reported as not asked.
	Verifier *tlsconfig.Verifier

	// Dial opens a connection; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Timeout bounds each connection; zero: 5 s.
	Timeout time.Duration

	// Progress is told of each question before it is asked; nil: not told.
	Progress func(subject string)
}

// A BadCertificate is a client's that must be refused, and why.
type BadCertificate struct {
	Why         string
	Certificate tls.Certificate
}

const defaultTimeout = 5 * time.Second

func (p *Prober) progress(format string, args ...any) {
	if p.Progress != nil {
		p.Progress(fmt.Sprintf(format, args...))
	}
}
