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

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
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
	// certificate while Run is going; zero: an hour.
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

	Time   func() time.Time // the clock of Run; nil: time.Now
	Logger *slog.Logger     // nil: none

	once     sync.Once
	known    known.Answers
	asker    fetch.Asker
	answers  answers
	shared   shared
	added    addedResponses
	takePOST sync.Map     // of responders that take no GET
	evicts   sync.Once    // warns that answers are evicted
	latest   atomic.Int64 // the latest time asked about, in seconds since 1970
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
	err := s.asker.Run(ctx)
	s.shared.wait()
	return err
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
	if s.Logger != nil {
		s.Logger.LogAttrs(context.Background(), slog.LevelWarn, message, slog.Any("error", err))
	}
}

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

func (s *OCSP) look(watches []*fetch.Watch) { look(&s.asker, s.now, watches) }

// horizon is the time a day before which what is superseded may be forgotten.
func (s *OCSP) horizon() time.Time { return horizon(s.latest.Load(), s.now) }

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
