// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// A Look is how a URL, a file or an entry of the Cache has been looked after.
type Look struct {
	URL  string    // or the name of a file, or "cache"
	Last time.Time // start of the last look that succeeded; zero: none has
	Next time.Time // when the next is due
	Err  error     // of the last attempt; nil: it succeeded, or there was none
}

// A ListState is one CRL that is known.
type ListState struct {
	Issuer     string   // distinguished name of the CRL issuer
	Scope      string   // its issuingDistributionPoint, in words
	Source     string   // the URL or file that it came from, "added" or "cache"
	Number     *big.Int // cRLNumber; nil: none
	Delta      bool
	ThisUpdate time.Time
	NextUpdate time.Time // zero: none
	Entries    int

	// Decides says that what is good goes by this list now. One that does not
	// decide, and is not Superseded, only stands: what it revokes is revoked.
	Decides    bool
	Superseded bool
}

// CRLsState is what a CRLs knows, and how it comes to know.
type CRLsState struct {
	Lists      []ListState
	Unverified int // CRLs whose signer is not known yet
	Looks      []Look
}

// State returns what is known and how it has been looked after, for metrics and
// readiness checks. It costs as much as there is to tell.
func (s *CRLs) State() CRLsState {
	s.setUp()
	var state CRLsState
	standings, unverified := s.lists.Standings(s.now())
	for _, l := range standings {
		state.Lists = append(state.Lists, listState(l))
	}
	state.Unverified, state.Looks = unverified, s.Looks()
	return state
}

// Looks returns the Looks of State alone, which cost the same however many lists are
// known.
func (s *CRLs) Looks() []Look {
	s.setUp()
	return looks(&s.asker)
}

func listState(l known.Standing) ListState {
	return ListState{
		Issuer: l.Name, Scope: l.ScopeText(), Source: l.Source(), Number: l.Number(), Delta: l.IsDelta(),
		ThisUpdate: l.ThisUpdate(), NextUpdate: l.NextUpdate(), Entries: l.Len(), Decides: l.Decides, Superseded: l.Superseded,
	}
}

// An AnswerState is one OCSP answer that is known.
type AnswerState struct {
	Issuer     string   // distinguished name of the CA
	Serial     *big.Int // of the certificate
	Source     string   // the URL that it came from, "stapled", "added" or "cache"
	Status     Status   // Unspecified: the responder does not know the certificate
	ThisUpdate time.Time
	NextUpdate time.Time // zero: none
}

// OCSPState is what an OCSP knows, and how it comes to know.
type OCSPState struct {
	Answers    []AnswerState
	Unverified int // serial numbers of which responses were added that have not been verified
	Looks      []Look
}

// State returns what is known and how it has been looked after, for metrics and
// readiness checks. It costs as much as there is to tell.
func (s *OCSP) State() OCSPState {
	s.setUp()
	var state OCSPState
	for _, r := range s.known.All() {
		a := AnswerState{Issuer: r.Issuer, Serial: r.Serial, Source: r.Source, ThisUpdate: r.ThisUpdate, NextUpdate: r.NextUpdate}
		switch r.Status {
		case ocsp.Good:
			a.Status = Good
		case ocsp.Revoked:
			a.Status = Revoked
		}
		state.Answers = append(state.Answers, a)
	}
	slices.SortFunc(state.Answers, func(a, b AnswerState) int {
		if c := a.Serial.Cmp(b.Serial); c != 0 {
			return c
		}
		return a.ThisUpdate.Compare(b.ThisUpdate)
	})
	state.Unverified, state.Looks = s.added.unverified(), looks(&s.asker)
	return state
}

func looks(a *fetch.Asker) (looks []Look) {
	for _, s := range a.States() {
		looks = append(looks, Look{URL: s.URL, Last: s.LastLook, Next: s.NextLook, Err: s.Err})
	}
	slices.SortFunc(looks, func(a, b Look) int { return strings.Compare(a.URL, b.URL) })
	return looks
}
