// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// Status implements Source.
func (s *OCSP) Status(ctx context.Context, q Query) (Answer, error) {
	return s.ask(ctx, q, asking{})
}

func (s *OCSP) ask(ctx context.Context, q Query, how asking) (Answer, error) {
	if len(q.Path) < 2 || q.Path[0] == nil || q.Path[1] == nil || q.Path[0].SerialNumber == nil {
		return Answer{}, &OCSPError{Err: ErrScope, Detail: "the certificate is asked about without its issuer"}
	}
	if octets := (q.Path[0].SerialNumber.BitLen() + 8) / 8; octets > maxSerialOctets || q.Path[0].SerialNumber.Sign() <= 0 {
		return Answer{}, &OCSPError{Err: ErrMalformed, Detail: "the serial number of the certificate"}
	}
	var staple [32]byte
	if len(q.Stapled) > 0 {
		staple = sha256.Sum256(q.Stapled)
	}
	if a := s.answers.find(q.Path, q.At, how); a != nil && (len(q.Stapled) == 0 || a.staple == staple) && a.added == s.added.generation.Load() &&
		(a.trusts == nil || s.sameTrust(ctx, q, how, a)) {
		s.look(a.watches)
		return a.answer, nil
	}
	if _, ok := ocsp.NewIssuer(q.Path[1]); !ok {
		return Answer{}, &OCSPError{Err: ErrMalformed, Detail: "the public key of the issuer"}
	}
	if slices.ContainsFunc(q.Path, func(c *x509.Certificate) bool { return c == nil || c.SerialNumber == nil }) {
		return Answer{}, &OCSPError{Err: ErrScope, Detail: "the path has a certificate missing"}
	}
	s.setUp()
	return s.inquire(ctx, q, how, staple)
}
