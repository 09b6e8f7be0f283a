// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"errors"
	"time"
)

// clockTolerance is how far the clock of a CRL issuer or responder may be
// ahead: a document whose thisUpdate or producedAt lies further in the future
// is refused. There is no tolerance after nextUpdate; that is Policy.MaxStale.
const clockTolerance = 5 * time.Minute

// defaultMaxAge is how long an answer without nextUpdate counts, from its thisUpdate.
// RFC 6960 section 4.2.2.1 lets a responder leave nextUpdate out to say that
// newer information can be had at any time, so its answers are of the moment.
const defaultMaxAge = time.Hour

// A Policy says what counts as good enough. The zero value asks about the
// whole chain, takes the first answer, and refuses what no source answers good
// about.
type Policy struct {
	Depth     Depth     // zero: Chain
	Agreement Agreement // zero: FirstAnswer
	Unknown   Unknown   // zero: Deny

	// MaxStale is the bound on Allow: how long after its nextUpdate a good
	// answer still counts when nothing newer can be had. Allow needs it, and
	// it needs Allow; a policy with one of the two refuses everything.
	MaxStale time.Duration

	// MaxAge is how long after its thisUpdate a good answer counts at most, even
	// if its nextUpdate is later, and how long one without nextUpdate counts. Zero:
	// until nextUpdate, and an hour where there is none. It can only end what is
	// good.
	MaxAge time.Duration
}

// Depth says which certificates of a chain are asked about. The root never is:
// it is trusted because it is pinned.
type Depth int

// The depths.
const (
	Chain     Depth = iota // all but the root
	EndEntity              // the leaf only
)

// Agreement says how many of a Checker's sources have to answer good about a
// certificate. Whatever it says, one source that answers Revoked is enough to
// refuse, if it is reached.
type Agreement int

// The agreements.
const (
	// FirstAnswer: the first source that answers Good or Revoked decides. They
	// are asked in the order of Checker.Sources, each when the one before it
	// could not answer or, if it is one of this package's, has had a second;
	// those after the one that decides are asked only what they know without fetching.
	FirstAnswer Agreement = iota
	// EverySource: each source is asked, and each has to answer Good. One
	// that cannot answer makes the certificate unknown, also one that has
	// nothing to ask (ErrNoSource).
	EverySource
)

// Unknown says what happens to a certificate that no source answers good about.
type Unknown int

// What may happen.
const (
	// Deny refuses it (hard fail).
	Deny Unknown = iota

	// Allow accepts it, with a warning in the log, if a source still has a
	// good answer whose nextUpdate is at most Policy.MaxStale ago (soft fail).
	// So every certificate that is accepted was cleared by a signed answer
	// of bounded age. One that was never cleared is refused under Allow
	// too, since an attacker would only have to block the network,
	// and so is one that a source last knew as revoked, however long ago.
	Allow
)

var errPolicy = errors.New("the policy contradicts itself")

// validate refuses values that are not defined and a soft fail without a bound.
func (p *Policy) validate() error {
	switch {
	case p.Depth != Chain && p.Depth != EndEntity:
		return errors.Join(errPolicy, errors.New("neither Chain nor EndEntity for Depth"))
	case p.Agreement != FirstAnswer && p.Agreement != EverySource:
		return errors.Join(errPolicy, errors.New("neither FirstAnswer nor EverySource for Agreement"))
	case p.Unknown != Deny && p.Unknown != Allow:
		return errors.Join(errPolicy, errors.New("neither Deny nor Allow for Unknown"))
	case p.MaxAge < 0:
		return errors.Join(errPolicy, errors.New("a negative MaxAge"))
	case p.MaxStale < 0:
		return errors.Join(errPolicy, errors.New("a negative MaxStale"))
	case p.Unknown == Allow && p.MaxStale == 0:
		return errors.Join(errPolicy, errors.New("there is Allow without MaxStale"))
	case p.Unknown == Deny && p.MaxStale > 0:
		return errors.Join(errPolicy, errors.New("there is MaxStale without Allow"))
	}
	return nil
}

// expiry returns when an answer stops to count.
func (p *Policy) expiry(thisUpdate, nextUpdate time.Time) time.Time {
	most := p.MaxAge
	if most == 0 && nextUpdate.IsZero() {
		most = defaultMaxAge
	}
	if end := thisUpdate.Add(most); nextUpdate.IsZero() || most > 0 && end.Before(nextUpdate) {
		return end
	}
	return nextUpdate
}

// An outcome is what the policy makes of a source's answer.
type outcome int

const (
	outcomeUnknown outcome = iota
	outcomeRevoked
	outcomeGood
	outcomeStale
)

// weigh judges an answer by the policy, whatever its source thinks of it. With
// outcomeUnknown it returns the reason.
func weigh(p *Policy, at time.Time, a *Answer, err error) (outcome, error) {
	if err != nil && !errors.Is(err, ErrExpired) {
		return outcomeUnknown, err
	}
	switch a.Status {
	case Revoked:
		return outcomeRevoked, nil
	case Good:
	default:
		if err == nil {
			err = errors.New("the source gave neither an answer nor an error")
		}
		return outcomeUnknown, err
	}
	switch {
	case a.ThisUpdate.IsZero():
		return outcomeUnknown, errors.Join(err, errors.New("good, but without thisUpdate"))
	case a.ThisUpdate.After(at.Add(clockTolerance)):
		return outcomeUnknown, errors.Join(err, ErrNotYetValid)
	}
	end := p.expiry(a.ThisUpdate, a.NextUpdate)
	if !at.After(end) {
		if err != nil {
			return outcomeUnknown, err // expired by a rule of its own: there is nothing to count from
		}
		return outcomeGood, nil
	}
	if !at.After(end.Add(p.MaxStale)) { // zero but for Allow, see Policy.validate
		return outcomeStale, nil
	}
	if err == nil {
		err = ErrExpired
	}
	return outcomeUnknown, err
}

func revokedError(cert *x509.Certificate, a *Answer) error {
	if a.Revocation != nil {
		return a.Revocation
	}
	return &RevokedError{Cert: cert, Serial: cert.SerialNumber, Source: a.Source}
}
