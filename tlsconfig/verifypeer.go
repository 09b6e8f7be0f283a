// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// VerifyPeer verifies what a peer presented by Verifier and within Timeout; its
// errors are those of Verifier.Verify. Each refusal makes one log record with the
// rule, the certificate's subject and serial number, and the detail. A panic in
// the revocation checker is a refusal by RuleRevocation. Engines call it for
// every handshake, resumed ones included.
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
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err = e.Verifier.Verify(limited, p)
	return err
}

func (e *Endpoint) logRefusal(ctx context.Context, err error) {
	refusal, ok := errors.AsType[*PeerError](err)
	if e.Logger == nil || !ok {
		return
	}
	attrs := []slog.Attr{slog.String("rule", refusal.Rule.String())}
	if cert := refusal.Cert; cert != nil {
		attrs = append(attrs, slog.String("subject", clip(cert.Subject.String())))
		if cert.SerialNumber != nil {
			attrs = append(attrs, slog.String("serial", clip(cert.SerialNumber.Text(16))))
		}
	}
	attrs = append(attrs, slog.String("detail", refusal.why()))
	e.Logger.LogAttrs(ctx, slog.LevelWarn, "peer refused", attrs...)
}
