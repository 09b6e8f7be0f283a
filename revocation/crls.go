// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// CRLs is a Source of certificate revocation lists: complete, delta,
// partitioned and indirect ones (RFC 5280 section 6.3.3). They come from the
// distribution points that the certificates name, and from Add. The zero value
// knows none and vouches for nothing. A CRLs is safe for concurrent use; its
// fields must not change once it is used.
type CRLs struct {
	Fetcher Fetcher       // nil: only what Add was given, and what the Cache has
	Cache   documentCache // nil: memory only; what is read from it is verified again

	// Issuers are further certificates that may have signed a CRL: CRL issuers
	// apart from the CA, and CAs with a new key. Each needs a path to the root
	// of the certificate in question and must not be revoked.
	Issuers []*x509.Certificate

	MaxBytes int64        // per CRL; zero: 64 MiB
	Logger   *slog.Logger // nil: none

	// Time is the clock by which kept CRLs are refreshed; nil: time.Now.
	Time func() time.Time

	added   addedCRLs
	answers atomic.Pointer[keptAnswers]
	keeping sync.Once
	fetched *keeper[*crl] // from keeper only
}

// Add reads a CRL, in DER or in a PEM block, and keeps it beside those that are
// fetched; one of the same issuer, scope and key takes the place of older ones
// once it has been found genuine. The error is a *CRLError of the kind
// ErrMalformed, ErrUnhandledCritical, or ErrSignature for an algorithm that is
// not accepted. Whether the signature verifies shows when a certificate is asked
// about.
func (s *CRLs) Add(crl []byte) error {
	c, err := parseCRL(crl, "added")
	if err != nil {
		return err
	}
	s.added.add(c)
	return nil
}

// Status implements Source. The CRLs that were added are consulted first; what
// they leave open is asked of the certificate's distribution points. The error
// joins what is wrong with each CRL and each URL, as *CRLError and *FetchError,
// or is ErrNoSource.
func (s *CRLs) Status(ctx context.Context, q Query) (Answer, error) {
	if len(q.Path) < 2 {
		return Answer{}, errors.New("the path is shorter than a certificate and its issuer")
	}
	if slices.ContainsFunc(q.Path, func(c *x509.Certificate) bool { return c == nil || c.SerialNumber == nil }) {
		return Answer{}, errors.New("the path has a certificate missing")
	}
	if answer, ok := s.kept(ctx, &q); ok {
		return *answer, nil
	}
	search := &search{source: s, at: q.At, rests: evidence{generation: s.added.generation.Load()}}
	answer, err := search.status(ctx, q.Path)
	if err == nil {
		s.keep(&q, search.rests, answer)
		answer.Cached = !search.fetched
	}
	return answer, err
}

// whyNone says why none of the CRLs that were added is about the certificate,
// nil if there are none and something else is wrong already.
func (s *CRLs) whyNone(subject *subject, otherwise bool) error {
	crls, any := s.added.some(subject.issuer)
	switch {
	case !any && otherwise:
		return nil
	case !any:
		return ErrNoSource
	case len(crls) == 0:
		return &CRLError{Source: "added", Err: ErrScope, Detail: "none is of the certificate's issuer"}
	}
	var errs []error
	for _, c := range crls {
		detail := "it is of another distribution point"
		if c.delta {
			detail = deltaAlone
		}
		errs = append(errs, &CRLError{Source: c.source, Err: ErrScope, Detail: detail})
	}
	return errors.Join(errs...)
}

// fetch gets the CRL behind a URL. With an error of the kind ErrExpired it may
// return one whose time is over. role says what the CRL is to be, and fits why a
// new one there is not that; fits must not depend on the time.
func (s *search) fetch(ctx context.Context, url, role string, fits func(*crl) error) (*crl, error) {
	u := use{key: useKey(url, role), url: url, judge: fits, spot: new(spot[*crl])}
	c, atHand, err := s.source.get(ctx, &u, s.at)
	s.fetched = s.fetched || !atHand
	u.crl = c
	s.rests.uses = append(s.rests.uses, u)
	return c, err
}

// useKey is the key of a use: whoever may sign for one role must not decide what
// is kept for another.
func useKey(url, role string) string { return fmt.Sprintf("%s#%x", url, sha256.Sum256([]byte(role))) }

// get gets the CRL of a use from the keeper.
func (s *CRLs) get(ctx context.Context, u *use, at time.Time) (c *crl, atHand bool, err error) {
	if s.Fetcher == nil && s.Cache == nil {
		return nil, true, &FetchError{URL: u.url, Err: errNoFetcher}
	}
	request := Request{URL: u.url, MaxBytes: s.MaxBytes}
	if request.MaxBytes <= 0 {
		request.MaxBytes = maxCRLBytes
	}
	return s.keeper().getFrom(ctx, u.spot, u.key, request, at, u.judge)
}

var errNoFetcher = errors.New("there is no Fetcher")

// maxCRLBytes is the default of CRLs.MaxBytes: two million entries.
const maxCRLBytes = 64 << 20

// keeper returns the keeper of the CRLs that are fetched.
func (s *CRLs) keeper() *keeper[*crl] {
	s.keeping.Do(func() {
		s.fetched = &keeper[*crl]{
			fetcher: s.Fetcher, cache: s.Cache, parse: parseCRL, replaces: mayReplace, now: s.Time, logger: s.Logger,
		}
	})
	return s.fetched
}

// mayReplace says why a CRL must not take the place of one that is older, or
// rather is not: its number or, between scopes, its thisUpdate goes backwards. Nor
// may one whose signer the older one revokes: it would vouch for that signer.
func mayReplace(newer, older *crl) error {
	if older.revokesSigner(newer) {
		return &CRLError{Source: newer.source, Err: ErrSignature, Detail: "the one that is kept lists its signer's certificate"}
	}
	if newer.scope.raw == older.scope.raw && older.newer(newer) ||
		newer.scope.raw != older.scope.raw && newer.thisUpdate.Before(older.thisUpdate) {
		return &CRLError{Source: newer.source, Err: ErrExpired, Detail: "it is older than the one that is kept"}
	}
	return nil
}

// Run refreshes the CRLs that are in use before their nextUpdate, with jitter,
// until ctx ends, and returns ctx.Err(). Without it, whoever first asks after a
// nextUpdate waits for the new CRL.
func (s *CRLs) Run(ctx context.Context) error { return s.keeper().run(ctx) }

func (s *CRLs) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	if s.Logger != nil {
		s.Logger.LogAttrs(ctx, level, message, attrs...)
	}
}
