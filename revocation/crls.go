package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// CRLs is a Source of certificate revocation lists: complete, delta,
// partitioned and indirect ones (RFC 5280 section 6.3.3). They come from the
// distribution points that the certificates name, and from Add. The zero value
// knows none and vouches for nothing. A CRLs is safe for concurrent use; its
// fields must not change once it is used.
type CRLs struct {
	Fetcher Fetcher // nil: only what Add was given

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

// fetch gets the CRL behind a URL. fits says why a CRL that is new there is not
// one that belongs there.
func (s *search) fetch(ctx context.Context, url string, path []*x509.Certificate, fits func(*crl) string) (*crl, error) {
	judge := func(c *crl) error {
		if why := fits(c); why != "" {
			return &CRLError{Source: c.source, Err: ErrScope, Detail: why}
		}
		return nil
	}
	c, fromCache, err := s.source.get(ctx, url, s.at, judge)
	s.fetched = s.fetched || !fromCache
	if err != nil {
		c = nil
	}
	s.rests.uses = append(s.rests.uses, use{url: url, judge: judge, crl: c})
	return c, err
}

// get gets the CRL behind a URL from the keeper.
func (s *CRLs) get(ctx context.Context, url string, at time.Time, judge func(*crl) error) (c *crl, fromCache bool, err error) {
	return nil, true, &FetchError{URL: url, Err: errors.New("there is no Fetcher")}
}

// Run refreshes every CRL in use before its nextUpdate, until ctx ends.
func (s *CRLs) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (s *CRLs) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	if s.Logger != nil {
		s.Logger.LogAttrs(ctx, level, message, attrs...)
	}
}
