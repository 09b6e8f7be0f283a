// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// VerifyPeer verifies what a peer presented by Verifier and within Timeout; its
// errors are those of Verifier.Verify. Each refusal makes one log record with the
// rule, the certificate's subject and serial number, the peer's address where it is
// known, and the detail. A panic in
// the revocation checker is a refusal by RuleRevocation. Engines call it for
// every handshake, resumed ones included.
func (e *Endpoint) VerifyPeer(ctx context.Context, p Presented) (err error) {
	defer func() {
		// Of what runs here only the checker and the clock are the user's.
		if r := recover(); r != nil {
			var leaf *x509.Certificate
			if len(p.Certificates) > 0 {
				leaf = p.Certificates[0]
			}
			err = panicRefusal(leaf, r)
		}
		if err != nil {
			e.logRefusal(ctx, addressText(p.Remote), err)
		}
	}()
	limited, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	_, err = e.Verifier.Verify(limited, p)
	return err
}

func panicRefusal(leaf *x509.Certificate, what any) *PeerError {
	return &PeerError{Rule: RuleRevocation, Cert: leaf, Detail: fmt.Sprintf("the check panicked: %v", what)}
}

func addressText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// logRefusal makes the record of a refusal; remote is empty if not known.
func (e *Endpoint) logRefusal(ctx context.Context, remote string, err error) {
	refusal, ok := errors.AsType[*PeerError](err)
	if e.Logger == nil || !ok {
		return
	}
	attrs := []slog.Attr{slog.String("rule", refusal.Rule.String())}
	if cert := refusal.Cert; cert != nil {
		attrs = append(attrs, slog.String("subject", ascii.Line(cert.Subject.String(), 200)))
		if cert.SerialNumber != nil {
			attrs = append(attrs, slog.String("serial", clip(cert.SerialNumber.Text(16))))
		}
	}
	if remote != "" {
		attrs = append(attrs, slog.String("remote", remote))
	}
	attrs = append(attrs, slog.String("detail", refusal.why()))
	e.recorder().Write(ctx, slog.LevelWarn, "peer refused", attrs...)
}
