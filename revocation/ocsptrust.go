// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// A key in the context of the question after a responder's own status.
type ownStatusKey struct{}

// caStatus returns what is asked about the key of a CA; nil: there is nothing to ask.
func (s *OCSP) caStatus(ctx context.Context, at time.Time) func([]*x509.Certificate) *known.KeyStatus {
	crls, ok := s.ResponderStatus.(*CRLs)
	if !ok || crls == nil {
		return nil
	}
	return func(path []*x509.Certificate) *known.KeyStatus { return crls.issuerKey(ctx, path, at) }
}

// trust asks about delegated responders for a question.
func (s *OCSP) trust(ctx context.Context, at time.Time, how asking) func(path []*x509.Certificate, responder *x509.Certificate, ask bool) (error, bool) {
	return func(path []*x509.Certificate, responder *x509.Certificate, ask bool) (error, bool) {
		refuse := func(detail string) error { return &der.Error{Kind: ErrResponder, Detail: detail} }
		// The answer about a responder may come by OCSP, but not from one that is
		// itself in question: it would clear itself, or two each other.
		inQuestion := ctx.Value(ownStatusKey{}) != nil
		switch {
		case ask && s.ResponderStatus == nil:
			return refuse("its certificate lacks id-pkix-ocsp-nocheck, and there is no source to ask about it"), false
		case ask && inQuestion:
			return refuse("it answers for a responder, and its own certificate lacks id-pkix-ocsp-nocheck"), false
		case s.ResponderStatus == nil || inQuestion:
			return nil, false
		}
		own := Query{Path: append([]*x509.Certificate{responder}, path[1:]...), At: at}
		ctx := context.WithValue(ctx, ownStatusKey{}, true)
		var a Answer
		var err error
		source, knows := s.ResponderStatus.(asker)
		switch {
		case knows:
			how := how
			how.noFetch, how.chain, how.rest = how.noFetch || !ask, nil, nil
			a, err = source.ask(ctx, own, how)
		case ask:
			a, err = s.ResponderStatus.Status(ctx, own)
		default:
			return nil, false
		}
		value, err := weigh(&Policy{}, at, &a, err)
		switch {
		case value == outcomeRevoked:
			revoked := revokedError(responder, &a)
			e, ok := errors.AsType[*RevokedError](revoked)
			return refuse("its own certificate: " + revoked.Error()), !ok || known.Distrusts(der.Reason(e.Reason))
		case value != outcomeGood && ask:
			return refuse("its own certificate: " + err.Error()), false
		}
		return nil, false
	}
}

// sameTrust reports whether the responders that a decision depends on stand as they
// did.
func (s *OCSP) sameTrust(ctx context.Context, q Query, how asking, a *answer) bool {
	for i := range a.trusts {
		t := &a.trusts[i]
		if s.ResponderStatus == nil {
			continue
		}
		err, tainted := s.trust(ctx, q.At, how)(t.path, t.responder, t.ask)
		if (err == nil) != (t.err == nil) || tainted != t.tainted {
			return false
		}
	}
	return true
}
