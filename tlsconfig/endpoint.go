// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/record"
)

// An Endpoint is one end of a Spine connection, a server or a client. The zero
// value builds nothing and says why. Its fields must not change once it is
// used; what it builds is safe for concurrent use.
type Endpoint struct {
	// Certificate is this end's own certificate; required. It must be RSA
	// with at least 2048 bits, valid, meant for this end's use, and come with
	// the SubCA that issued it.
	Certificate CertificateSource

	// Verifier says who may be at the other end; required. A server must name the
	// FQDNs that it accepts, a client may leave them to the name it dials.
	Verifier Verifier

	// Suites narrows the guidance's list, whatever the order here; nil: all
	// that the engine has.
	Suites []Suite

	// SessionTicketsDisabled makes every connection a full handshake. It is to be
	// set here, since crypto/tls refuses clients that ask for a ticket when it is set
	// on what ServerConfig returned; Audit reports that. tlsconfig/openssl issues
	// none in any case.
	SessionTicketsDisabled bool

	// MaxConnectionAge is the age from which on a connection is closed with its next
	// answer, so that its client makes another handshake; zero: connections may live for
	// ever, since Peer judges each of their requests. It needs Middleware before
	// the handlers, package asid's too, and ConnContext as the server's; without the latter every
	// answer closes its connection.
	MaxConnectionAge time.Duration

	// Timeout bounds the check of one peer, since crypto/tls gives the check
	// no context; zero: 10 s.
	Timeout time.Duration

	// Logger gets one record for each peer that the Verifier refuses, one for each
	// reason why the own certificate is not renewed, and warnings before it or a pinned
	// CA expires (see Expiry); nil: none. Who
	// gets no further than crypto/tls, having no shared suite or no
	// certificate, is in http.Server's ErrorLog alone; tlsconfig/openssl, of
	// whose handshakes http.Server logs nothing, logs them here. A Handler that hangs is
	// waited for one second for each record; then, and if it panics, the record is lost
	// and the peer still refused.
	Logger *slog.Logger
}

func (e *Endpoint) validatePolicy(own x509.ExtKeyUsage) error {
	var errs []error
	refuse := func(err error) { errs = append(errs, err) }
	warn := func(text string) { e.recorder().Write(context.Background(), slog.LevelWarn, text) }
	if own != x509.ExtKeyUsageServerAuth && own != x509.ExtKeyUsageClientAuth {
		refuse(errors.New("an endpoint is either a server or a client"))
	}
	if err := e.Verifier.Validate(peerUsage(own)); err != nil {
		refuse(fmt.Errorf("the endpoint's %w", err))
	}
	if e.Verifier.AllowAnyFQDN {
		warn("certificates of every name are accepted, and the caller is for the handler to bind: AllowAnyFQDN is in use")
	}
	switch e.Verifier.Revocation.(type) {
	case InsecureSkipRevocation, *InsecureSkipRevocation:
		warn("revoked certificates are accepted: InsecureSkipRevocation is in use")
	}
	if _, err := narrow(e.Suites); err != nil {
		refuse(fmt.Errorf("the endpoint's Suites: %w", err))
	}
	if e.Timeout < 0 {
		refuse(errors.New("the endpoint's Timeout is negative"))
	}
	if e.MaxConnectionAge < 0 {
		refuse(errors.New("the endpoint's MaxConnectionAge is negative"))
	}
	return errors.Join(errs...)
}

func (e *Endpoint) timeout() time.Duration {
	if e.Timeout > 0 {
		return e.Timeout
	}
	return defaultTimeout
}

func (e *Endpoint) recorder() record.Writer {
	return record.Writer{Logger: e.Logger, Late: e.Verifier.Pins.calls()}
}

// askOnce asks Certificate beside the handshakes, and does not wait for a source that
// goes on after ctx has ended.
func (e *Endpoint) askOnce(ctx context.Context) (*tls.Certificate, error) {
	said, err := bounded.Call(ctx, e.Verifier.Pins.calls(), bounded.Of{Callee: e}, func() (a answer) {
		a.cert, a.err = e.Certificate.ask(ctx)
		return a
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSourceSilent, err)
	}
	return said.cert, said.err
}
