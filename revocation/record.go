// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"
)

// A Decision is what a Checker made of one certificate, for an audit log. It
// logs itself: logger.Info("revocation", "decision", d).
type Decision struct {
	Cert       *x509.Certificate
	At         time.Time   // the time for which the decision holds
	Statements []Statement // of the sources that were asked, in that order
	Stale      bool        // accepted under Allow, on an answer that has expired
	Err        error       // nil: accepted; else *RevokedError or *UnknownError
}

// A Statement is what one source said about a certificate.
type Statement struct {
	Source Source
	Answer Answer // Source and Cached in it say where it came from
	Err    error
}

// LogValue implements slog.LogValuer.
func (d Decision) LogValue() slog.Value {
	outcome := "accepted"
	switch {
	case d.Err != nil:
		outcome = "refused"
	case d.Stale:
		outcome = "accepted stale"
	}
	attrs := []slog.Attr{
		slog.String("outcome", outcome),
		slog.String("serial", d.Cert.SerialNumber.Text(16)),
		slog.String("subject", d.Cert.Subject.String()),
		slog.String("issuer", d.Cert.Issuer.String()),
		slog.Time("at", d.At),
	}
	for i, s := range d.Statements {
		attrs = append(attrs, slog.Any(fmt.Sprintf("source%d", i+1), s))
	}
	if d.Err != nil {
		attrs = append(attrs, slog.String("error", d.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// LogValue implements slog.LogValuer.
func (s Statement) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("kind", fmt.Sprintf("%T", s.Source)),
		slog.String("status", s.Answer.Status.String()),
	}
	if s.Answer.Source != "" {
		attrs = append(attrs, slog.String("from", s.Answer.Source), slog.Bool("cached", s.Answer.Cached))
	}
	if !s.Answer.ThisUpdate.IsZero() {
		attrs = append(attrs, slog.Time("this_update", s.Answer.ThisUpdate))
	}
	if !s.Answer.NextUpdate.IsZero() {
		attrs = append(attrs, slog.Time("next_update", s.Answer.NextUpdate))
	}
	if s.Err != nil {
		attrs = append(attrs, slog.String("error", s.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}
