// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// Known is what a source that is put to the test has been told. Each path leads
// from a certificate to a root, as in [revocation.Query].
type Known struct {
	Good    []*x509.Certificate // the source knows it is not revoked; required
	Revoked []*x509.Certificate // the source knows it is; required
	Unknown []*x509.Certificate // the source has never heard of it; required
	At      time.Time           // the time of the questions; zero: now
}

// TestSource asks src about a good, a revoked and an unknown certificate, in the
// right way and in all sorts of wrong ones, and joins what it gets wrong. It is
// for users who write a [revocation.Source] of their own.
func TestSource(src revocation.Source, known Known) error {
	if len(known.Good) < 2 || len(known.Revoked) < 2 || len(known.Unknown) < 2 {
		return errors.New("TestSource needs three paths, each of a certificate and its issuer at least")
	}
	if known.At.IsZero() {
		known.At = time.Now()
	}
	s := &sourceTest{src: src, at: known.At, seen: make(map[string]bool)}
	ctx := context.Background()

	s.expectGood(ctx, "the good certificate", known.Good)
	s.expectRevoked(ctx, "the revoked certificate", known.Revoked)
	s.expectRefusal(ctx, "the unknown certificate", known.Unknown, nil)

	other := namesake(known.Good[1]).cert
	s.expectRefusal(ctx, "a certificate with the serial number of the good one, of another CA with the same name",
		[]*x509.Certificate{known.Good[0], other}, nil)
	s.expectGood(ctx, "the good certificate, after the one of the other CA", known.Good)

	s.expectRefusal(ctx, "no certificate at all", nil, nil)
	s.expectRefusal(ctx, "the good certificate without its issuer", known.Good[:1], nil)
	s.expectRefusal(ctx, "the unknown certificate, with a stapled response that is none", known.Unknown, []byte("stapled"))

	ended, cancel := context.WithCancel(ctx)
	cancel()
	s.expectRefusal(ended, "the unknown certificate, when the context has ended", known.Unknown, nil)
	if a, err := s.ask(ended, "the revoked certificate, when the context has ended", known.Revoked, nil); err == nil && a.Status != revocation.Revoked {
		s.wrong("the revoked certificate, when the context has ended: %s, want an error or revoked", a.Status)
	}

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { s.expectGood(ctx, "the good certificate, asked about eight times at once", known.Good) })
		wg.Go(func() {
			s.expectRevoked(ctx, "the revoked certificate, asked about eight times at once", known.Revoked)
		})
	}
	wg.Wait()
	return errors.Join(s.errs...)
}

type sourceTest struct {
	src revocation.Source
	at  time.Time

	mu   sync.Mutex
	seen map[string]bool // what is wrong eight times at once is said once
	errs []error
}

func (s *sourceTest) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := fmt.Errorf(format, args...)
	if !s.seen[err.Error()] {
		s.seen[err.Error()] = true
		s.errs = append(s.errs, err)
	}
}

// ask asks, and turns a panic into an error of the test.
func (s *sourceTest) ask(ctx context.Context, what string, path []*x509.Certificate, stapled []byte) (a revocation.Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.wrong("%s: panic: %v", what, p)
			a, err = revocation.Answer{}, errors.New("panic")
		}
	}()
	return s.src.Status(ctx, revocation.Query{Path: path, At: s.at, Stapled: stapled})
}

func (s *sourceTest) expectGood(ctx context.Context, what string, path []*x509.Certificate) {
	switch a, err := s.ask(ctx, what, path, nil); {
	case err != nil:
		s.wrong("%s: %w", what, err)
	case a.Status != revocation.Good:
		s.wrong("%s: %s, want good", what, a.Status)
	case a.ThisUpdate.IsZero() || a.ThisUpdate.After(s.at):
		s.wrong("%s: thisUpdate is %s, want a time before the question's", what, a.ThisUpdate)
	case a.NextUpdate.IsZero() && s.at.Sub(a.ThisUpdate) > time.Hour:
		s.wrong("%s: it names no nextUpdate and is of %s: after an hour that is an error of the kind ErrExpired", what, a.ThisUpdate)
	case !a.NextUpdate.IsZero() && a.NextUpdate.Before(s.at):
		s.wrong("%s: nextUpdate %s has passed: that is an error of the kind ErrExpired", what, a.NextUpdate)
	}
}

func (s *sourceTest) expectRevoked(ctx context.Context, what string, path []*x509.Certificate) {
	switch a, err := s.ask(ctx, what, path, nil); {
	case err != nil:
		s.wrong("%s: %w", what, err)
	case a.Status != revocation.Revoked:
		s.wrong("%s: %s, want revoked", what, a.Status)
	case a.Revocation == nil:
		s.wrong("%s: the answer does not say when and why: Revocation is nil", what)
	case a.Revocation.Serial == nil || a.Revocation.Serial.Cmp(path[0].SerialNumber) != 0:
		s.wrong("%s: Revocation is about serial number %x, want %x", what, a.Revocation.Serial, path[0].SerialNumber)
	}
}

// expectRefusal wants an error: whatever is not known is not good.
func (s *sourceTest) expectRefusal(ctx context.Context, what string, path []*x509.Certificate, stapled []byte) {
	if a, err := s.ask(ctx, what, path, stapled); err == nil {
		s.wrong("%s: %s, want an error", what, a.Status)
	}
}
