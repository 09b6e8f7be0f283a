package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// An Endpoint is one end of a Spine connection, a server or a client. The zero
// value builds nothing and says why. Its fields must not change once it is
// used; what it builds is safe for concurrent use.
type Endpoint struct {
	// Certificate is this end's own certificate; required. It must be RSA
	// with at least 2048 bits, valid, for the use that is made of it, and come
	// with the chain that issued it.
	Certificate CertificateSource

	// Peer says who may be at the other end; required. A server must name the
	// FQDNs that it accepts, a client may leave them to the name it dials.
	Peer Verifier

	// Suites narrows the guidance's list, whatever their order here; nil: all
	// that the engine has.
	Suites []Suite

	// Timeout bounds the check of one peer, since crypto/tls gives a check no
	// context; zero: 10 s.
	Timeout time.Duration

	// Logger gets one record for each peer that is refused, and one when the
	// own certificate cannot be renewed; nil: none.
	Logger *slog.Logger
}

const defaultTimeout = 10 * time.Second

// Validate finds what is missing or wrong in e before it is used: an engine
// calls it when it is built. own is what this end uses its certificate for,
// x509.ExtKeyUsageServerAuth for a server and x509.ExtKeyUsageClientAuth for a
// client. It asks Certificate once. Which suites the engine has is for the
// engine to see.
func (e *Endpoint) Validate(own x509.ExtKeyUsage) error {
	return errors.Join(e.validatePolicy(own), e.validateOwn(own))
}

func (e *Endpoint) validatePolicy(own x509.ExtKeyUsage) error {
	var errs []error
	refuse := func(err error) { errs = append(errs, err) }
	if own != x509.ExtKeyUsageServerAuth && own != x509.ExtKeyUsageClientAuth {
		refuse(errors.New("an endpoint is either a server or a client"))
	}
	if e.Peer.Pins.snapshot() == nil {
		refuse(errors.New("the endpoint's Peer.Pins pin no CA, so nobody could be accepted"))
	}
	if len(e.Peer.FQDNs) == 0 && own == x509.ExtKeyUsageServerAuth {
		refuse(errors.New("the endpoint's Peer.FQDNs name no client, so nobody could be accepted"))
	}
	for _, name := range e.Peer.FQDNs {
		if _, err := fqdn.Parse(name); err != nil {
			refuse(fmt.Errorf("the endpoint's Peer.FQDNs: %w", err))
		}
	}
	switch e.Peer.Revocation.(type) {
	case nil:
		refuse(errors.New("the endpoint's Peer.Revocation is nil, so nobody could be accepted"))
	case InsecureSkipRevocation, *InsecureSkipRevocation:
		if e.Logger != nil {
			e.Logger.Warn("revoked certificates are accepted: InsecureSkipRevocation is in use")
		}
	}
	if _, err := narrow(e.Suites); err != nil {
		refuse(fmt.Errorf("the endpoint's Suites: %w", err))
	}
	if e.Timeout < 0 {
		refuse(errors.New("the endpoint's Timeout is negative"))
	}
	return errors.Join(errs...)
}

func (e *Endpoint) validateOwn(own x509.ExtKeyUsage) error {
	if e.Certificate == nil {
		return errors.New("the endpoint's Certificate is nil")
	}
	_ = own
	return nil
}

// VerifyPeer verifies what a peer presented, by Peer and within Timeout. Each
// refusal makes one log record. A panic in the revocation checker is a refusal
// too. Engines call it for every handshake, resumed ones included.
func (e *Endpoint) VerifyPeer(ctx context.Context, p Presented) (err error) {
	defer func() {
		// Of what runs here only the checker and the clock are the user's.
		if r := recover(); r != nil {
			refusal := &PeerError{Rule: RuleRevocation, Detail: fmt.Sprintf("the check panicked: %v", r)}
			if len(p.Certificates) > 0 {
				refusal.Cert = p.Certificates[0]
			}
			err = refusal
		}
		if err != nil {
			e.logRefusal(ctx, err)
		}
	}()
	timeout := e.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err = e.Peer.Verify(ctx, p)
	return err
}

func (e *Endpoint) logRefusal(ctx context.Context, err error) {
	if e.Logger == nil {
		return
	}
	refusal, ok := errors.AsType[*PeerError](err)
	if !ok {
		e.Logger.LogAttrs(ctx, slog.LevelWarn, "peer refused", slog.String("detail", err.Error()))
		return
	}
	attrs := []slog.Attr{slog.String("rule", refusal.Rule.String())}
	if refusal.Cert != nil {
		attrs = append(attrs, slog.String("subject", clip(refusal.Cert.Subject.String())))
		if serial := refusal.Cert.SerialNumber; serial != nil {
			attrs = append(attrs, slog.String("serial", clip(serial.Text(16))))
		}
	}
	detail := refusal.Detail
	if refusal.Err != nil {
		detail = joinDetail(detail, refusal.Err.Error())
	}
	e.Logger.LogAttrs(ctx, slog.LevelWarn, "peer refused", append(attrs, slog.String("detail", detail))...)
}

func joinDetail(a, b string) string {
	if a == "" {
		return b
	}
	return a + ": " + b
}

// ServerConfig returns a config that demands a client certificate.
func (e *Endpoint) ServerConfig() (*tls.Config, error) {
	return nil, errors.New("not yet")
}

// ClientConfig returns a config that presents the certificate.
func (e *Endpoint) ClientConfig() (*tls.Config, error) {
	return nil, errors.New("not yet")
}

func (e *Endpoint) copy() *Endpoint {
	c := *e
	c.Peer.FQDNs = slices.Clone(c.Peer.FQDNs)
	c.Suites = slices.Clone(c.Suites)
	return &c
}
