// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// Add puts CRLs into the set: one in DER, or PEM blocks. The error is a *CRLError
// of the kind ErrMalformed, ErrUnhandledCritical, or ErrSignature for an algorithm
// that is not accepted; then none is added. Whether a signature verifies shows
// when a certificate is asked about, unless it does with a key of Issuers. Until
// then a thousand of an issuer are kept, of each scope and authorityKeyIdentifier
// sixteen, of which those that another supersedes make room, and 256 MiB of all
// issuers; another is an error of the kind ErrTooLarge, and those behind it are not
// added.
func (s *CRLs) Add(crls []byte) error {
	s.setUp()
	if s.keepsDER() {
		crls = slices.Clone(crls)
	}
	lists, err := s.readCRLs(crls, "added", math.MaxInt)
	if err != nil {
		return err
	}
	return s.addAll(lists, "added")
}

// Status implements Source. Known CRLs answer; what they leave open is asked
// of the certificate's distribution points. The error joins what is wrong with
// each CRL and each URL, as *CRLError and *FetchError, or is ErrNoSource.
func (s *CRLs) Status(ctx context.Context, q Query) (Answer, error) {
	return s.ask(ctx, q, asking{})
}

func (s *CRLs) ask(ctx context.Context, q Query, how asking) (Answer, error) {
	if len(q.Path) < 2 {
		return Answer{}, errors.New("the path is shorter than a certificate and its issuer")
	}
	if a := s.answers.find(q.Path, q.At, how); a != nil {
		s.look(a.watches)
		return a.answer, nil
	}
	if slices.ContainsFunc(q.Path, func(c *x509.Certificate) bool { return c == nil || c.SerialNumber == nil }) {
		return Answer{}, errors.New("the path has a certificate missing")
	}
	s.setUp()
	return s.inquire(ctx, q, how)
}

// Run looks after Files, URLs, the Cache and the distribution points that
// certificates have named, each within Refresh, until ctx ends, and returns
// ctx.Err(). Without it, a caller that asks when a look is due begins it, and does not
// wait for it. What a check has begun goes on after Run, for 20 s and a write to the Cache
// of 10 s at most: a test whose Cache is a folder of its own stops the Fetcher first.
func (s *CRLs) Run(ctx context.Context) error {
	s.setUp()
	return run(ctx, &s.asker, &s.runs, &s.shared)
}

func (s *CRLs) setUp() {
	s.once.Do(func() {
		setUp(&s.asker, s.now, s.Refresh)
		s.asker.Failed = func(url string, err error) {
			s.log(slog.LevelWarn, "no document", slog.String("url", url), slog.Any("error", err))
		}
		s.shared.cache, s.shared.kind, s.shared.asker = s.Cache, "crl", &s.asker
		s.shared.under, s.shared.take = s.under, s.takeMember
		s.shared.warn = func(message string, err error) { s.log(slog.LevelWarn, message, slog.Any("error", err)) }
		for _, name := range s.Files {
			s.files = append(s.files, s.watchFile(name))
		}
		if s.Fetcher != nil {
			for _, url := range s.URLs {
				s.urls = append(s.urls, s.watchURL(url))
			}
		}
	})
}

// issuerKey says whether the key that issued path[0] is to be trusted, by what is known
// and by what files and the Cache have, which are read first, with a second for it.
func (s *CRLs) issuerKey(ctx context.Context, path []*x509.Certificate, at time.Time) (status *known.KeyStatus) {
	s.setUp()
	later(&s.latest, at)
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	for range maxRounds {
		status = s.lists.IssuerKey(path, s.Issuers, at, s.horizon())
		s.share(status.Verified)
		groups := s.unread(s.entries(status.Read, path))
		if len(groups) == 0 || status.Tainted || ctx.Err() != nil {
			break
		}
		s.asker.Ask(ctx, groups, func() bool { return false })
	}
	return status
}
