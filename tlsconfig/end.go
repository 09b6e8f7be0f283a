// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
)

// An End is an Endpoint that was checked, as a server's or as a client's. It is
// what an engine is built on: ServerConfig and ClientConfig for crypto/tls, package
// tlsconfig/openssl for libssl. It is safe for concurrent use.
type End struct {
	endpoint *Endpoint
	own      *ownCertificate
	usage    x509.ExtKeyUsage
	suites   []Suite
}

// Check finds what is missing or wrong in e and returns the checked end; later
// changes of e do not reach it. own is what this end uses its certificate for,
// x509.ExtKeyUsageServerAuth for a server and x509.ExtKeyUsageClientAuth for a
// client. Certificate is asked once. Which of the suites the engine has is for the
// engine to see.
func (e *Endpoint) Check(own x509.ExtKeyUsage) (*End, error) {
	cert, certErr := e.newOwn(own)
	if err := errors.Join(e.validatePolicy(own), certErr); err != nil {
		return nil, err
	}
	suites, err := narrow(e.Suites)
	if err != nil {
		return nil, err
	}
	checked := *e
	checked.Verifier.FQDNs = slices.Clone(e.Verifier.FQDNs)
	return &End{endpoint: &checked, own: cert, usage: own, suites: suites}, nil
}

// Endpoint returns the endpoint as it was when it was checked. It must not be
// changed.
func (n *End) Endpoint() *Endpoint { return n.endpoint }

// Suites returns those asked for, in the guidance's order, in a fresh slice.
func (n *End) Suites() []Suite { return slices.Clone(n.suites) }

// Certificate returns the certificate to present now: the source's, if it is fit,
// and otherwise the last one that was, which is logged. While nothing has changed
// it returns the same pointer. It waits for a slow source only while it has none that
// is valid.
func (n *End) Certificate(ctx context.Context) *tls.Certificate { return n.own.present(ctx) }

// PeerUsage returns what the other end uses its certificate for.
func (n *End) PeerUsage() x509.ExtKeyUsage { return peerUsage(n.usage) }

func peerUsage(own x509.ExtKeyUsage) x509.ExtKeyUsage {
	if own == x509.ExtKeyUsageServerAuth {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

// Log makes a record in the endpoint's Logger, if it has one, and waits no more than a
// second for it.
func (n *End) Log(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	n.endpoint.recorder().Write(ctx, level, text, attrs...)
}

// VerifyPeer is [Endpoint.VerifyPeer].
func (n *End) VerifyPeer(ctx context.Context, p Presented) error {
	return n.endpoint.VerifyPeer(ctx, p)
}
