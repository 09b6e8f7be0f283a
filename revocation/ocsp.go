// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// OCSP is a Source of OCSP responses (RFC 6960): stapled to the handshake, added,
// from the Cache, or asked from the responder that the certificate names. What is
// known is a set of answers that only grows. Of one responder the latest answer
// counts, and of two as late the one that says revoked; a good answer that was signed
// before its thisUpdate, in advance, removes no revocation. What one responder says is
// permanently revoked, no other can clear.
//
// A response counts if it is signed by the key of the very CA that issued the
// certificate, or by a responder that this CA has directly issued a certificate
// for OCSP signing to; RSA or ECDSA with SHA-256 or better. Its clock may be five
// minutes ahead; without nextUpdate it counts for Policy.MaxAge, or an hour. At
// most 100,000 certificates are remembered. To make room, which is logged the first
// time, those that are not revoked are forgotten first, the one with the oldest answer
// before the others. When a revocation is forgotten, because all are revoked, answers
// that are not later than it clear no certificate any more: the responder has to be
// asked again. Until a restart no other responder clears that certificate, not even of
// a hold, for which two mebibytes are taken once.
//
// The zero value is a source of stapled responses. An OCSP is safe for
// concurrent use; its fields must not change once it is used.
type OCSP struct {
	Fetcher   Fetcher // nil: only stapled, added and cached responses
	Responder string  // URL asked instead of the certificate's own; empty: the certificate's, in their order
	Cache     Cache   // nil: memory only; what is read from it is verified again

	// Refresh is the time within which each responder is asked again about each
	// certificate while Run is going; zero: an hour. Less than about 15 s makes no
	// difference: no responder is asked about a certificate more often.
	Refresh time.Duration

	// NoNonce leaves the nonce (RFC 9654) out of requests, for responders that
	// sign in advance (RFC 5019); small requests are then sent by GET, and by POST
	// to responders that take no GET. Without it, a response that does not repeat
	// the nonce counts only if it revokes. The nonce proves that a response was
	// made for the request: one that is known counts until its nextUpdate like any
	// other, and so does one from the Cache.
	NoNonce bool

	// ResponderStatus is asked about the certificate of a delegated responder
	// that does not carry id-pkix-ocsp-nocheck; a CRLs, most often. Nil: such
	// a responder is refused. What it knows of one that does is heeded too. A CRLs is
	// also asked whether the CA's own key is known to be compromised: what that has
	// signed clears nothing.
	ResponderStatus Source

	Time   func() time.Time // the clock of Run, as CRLs.Time; nil: time.Now
	Logger *slog.Logger     // nil: none

	once     sync.Once
	known    known.Answers
	asker    fetch.Asker
	answers  answers
	shared   shared
	added    addedResponses
	takePOST sync.Map     // of responders that take no GET
	late     bounded.Late // records that are not waited for any more
	evicts   sync.Once    // warns that answers are evicted
	latest   atomic.Int64 // the latest time asked about, in seconds since 1970
	runs     atomic.Int64 // calls of Run that are going
}

// maxSerialOctets bounds serial numbers (RFC 5280 section 4.1.2.2).
const maxSerialOctets = 20

// Add puts an OCSP response (DER) into the set. It is read here, with an error of
// the type *OCSPError if it is not a response, and verified when a certificate
// that it speaks of is asked about. Of each serial number 16 responses that have
// not been verified are kept, of which those that do not claim a revocation make
// room for others. It is an error of the kind ErrTooLarge if one that does finds
// none, and with 10,000 serial numbers or 64 MiB of responses another is, unless some
// have run out; what the response says of other serial numbers is kept.
func (s *OCSP) Add(response []byte) error {
	raw := slices.Clone(response)
	r, err := ocsp.Parse(raw, "added")
	if err != nil {
		return ocspError("added", err)
	}
	if !s.added.add(r, raw, s.now()) {
		return &OCSPError{Source: "added", Err: ErrTooLarge, Detail: "too many responses that have not been verified have been added"}
	}
	return nil
}

// Run asks again about the certificates that answers are known of, each within
// Refresh and before the answer runs out, until ctx ends, and returns ctx.Err().
func (s *OCSP) Run(ctx context.Context) error {
	s.setUp()
	return run(ctx, &s.asker, &s.runs, &s.shared)
}

func (s *OCSP) setUp() {
	s.once.Do(func() {
		setUp(&s.asker, s.now, s.Refresh)
		s.asker.Failed = func(url string, err error) { s.warn("no OCSP response", fetchFailure(url, err)) }
		s.shared.cache, s.shared.kind, s.shared.asker = s.Cache, "ocsp", &s.asker
		s.shared.under, s.shared.take, s.shared.warn = s.under, s.takeMember, s.warn
	})
}

func (s *OCSP) now() time.Time {
	if s.Time != nil {
		return s.Time()
	}
	return time.Now()
}

func (s *OCSP) warn(message string, err error) {
	record.Writer{Logger: s.Logger, Late: &s.late}.Write(context.Background(), slog.LevelWarn, message, slog.Any("error", err))
}

func (s *OCSP) look(watches []*fetch.Watch) { look(&s.asker, s.now, watches) }

// horizon is the time a day before which what is superseded may be forgotten.
func (s *OCSP) horizon() time.Time { return horizon(s.latest.Load(), s.runs.Load(), s.now) }

func (s *OCSP) under(key string) (members []known.Member) {
	for _, r := range s.known.Under(key) {
		o := r.Order()
		members = append(members, known.Member{Order: o.String(), Digest: r.Digest, Bytes: r.Raw})
	}
	return members
}

func (s *OCSP) takeMember(m *known.Member, _ string, path []*x509.Certificate) error {
	if len(path) < 2 {
		return nil
	}
	raw := slices.Clone(m.Bytes)
	r, err := ocsp.Parse(raw, "cache")
	if err == nil {
		_, err = s.take(r, raw, path, false)
	}
	if err != nil {
		return ocspError("cache", err)
	}
	return nil
}

// take verifies a response and puts its answer about path[0] into the set, unless
// it may only revoke and does not.
func (s *OCSP) take(r *ocsp.Response, raw []byte, path []*x509.Certificate, onlyRevokes bool) (*ocsp.Answer, error) {
	issuer, ok := ocsp.NewIssuer(path[1])
	if !ok {
		return nil, &OCSPError{Source: r.Source(), Err: ErrMalformed, Detail: "the public key of the issuer"}
	}
	a, err := r.Answer(issuer, path[0].SerialNumber.Bytes())
	if err != nil {
		return nil, ocspError(r.Source(), err)
	}
	if !onlyRevokes || a.Status == ocsp.Revoked {
		key := known.AnswerKey(path)
		reply := &known.Reply{Answer: a, Raw: raw, Issuer: path[1].Subject.String(), Serial: path[0].SerialNumber, NotAfter: path[0].NotAfter}
		if s.known.Put(key, reply, s.horizon()) {
			s.shared.merge(key)
		}
		if s.known.Evicts() {
			s.evicts.Do(func() {
				s.warn("OCSP answers are evicted to make room, and asked for again", fmt.Errorf("answers about more certificates than are remembered: %w", ErrTooLarge))
			})
		}
	}
	return a, nil
}
