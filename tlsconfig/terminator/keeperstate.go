// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// KeeperState is what the file of a Keeper holds, and what is wrong with it.
type KeeperState struct {
	File    string
	Lists   []KeptList // in the order of the file
	Size    int64      // of the file, in octets
	Written time.Time  // when the Keeper last wrote it; zero: not yet
	Told    time.Time  // when the program last took it; zero: not yet, or there is no Reload

	// Complete: peers of every pinned SubCA are looked up in lists that are current,
	// those of Certificates in the lists that are theirs, and the program has been
	// told. What Expiring, Gap and Lag say does not count against it.
	Complete bool
	Problems []Problem

	made time.Time
	next time.Time // when it comes out otherwise of itself; zero: never
}

// at returns the state at a later time, when some of the lists may have expired.
func (s KeeperState) at(now time.Time) KeeperState {
	for _, l := range s.Lists {
		if !l.NextUpdate.Before(s.made) && l.NextUpdate.Before(now) {
			s.Complete = false
			s.Problems = append(slices.Clip(s.Problems), expired(&l.ListState))
		}
	}
	return s
}

func expired(l *revocation.ListState) Problem {
	return Problem{Kind: Expired, Issuer: l.Issuer, Scope: l.Scope, Detail: "its nextUpdate was " + stamp(l.NextUpdate) + ": its certificates are refused until a newer one can be had"}
}

// A KeptList is one list in the file.
type KeptList struct {
	revocation.ListState
	Size int // of its DER, in octets
}

// A ProblemKind says what kind of problem a Problem is.
type ProblemKind string

// The kinds of problems.
const (
	// Missing: there is no list that a CA's certificates, or one of Certificates, can
	// be looked up in.
	Missing ProblemKind = "missing"
	// Unusable: a list is of a form that the program does not understand, or would go by
	// for ever.
	Unusable ProblemKind = "unusable"
	// NotBegun: a list's thisUpdate lies ahead. It is written then.
	NotBegun ProblemKind = "not begun"
	// Expired: a list has run out: its certificates are refused.
	Expired ProblemKind = "expired"
	// Expiring: a list runs out in less than 30, 7 or 1 days, or less than a quarter, an
	// eighth or a sixteenth of its own life if that is shorter.
	Expiring ProblemKind = "expiring"
	// Gap: the program accepts the serial numbers, which are revoked: of the lists about
	// them it reads another, or none, which is said of SubCAs. The program behind refuses
	// them, but there is none behind stunnel.
	Gap ProblemKind = "gap"
	// Lag: a delta CRL, which the program cannot read, is newer than the list. The
	// serial numbers are those that it revokes beyond it.
	Lag ProblemKind = "lag"
	// Foreign: the file held what does not belong there.
	Foreign ProblemKind = "foreign"
	// Unfetched: what was last tried to fetch, or to read, is not to be had, or is not
	// what it should be. The list of before counts until it runs out.
	Unfetched ProblemKind = "unfetched"
	// Unwritten: the file is not what it should be.
	Unwritten ProblemKind = "unwritten"
	// Untold: the program does not go by the file yet.
	Untold ProblemKind = "untold"
)

// A Problem is something that is wrong with a file, and what to do about it. It is an
// error.
type Problem struct {
	Kind    ProblemKind
	Issuer  string // distinguished name of the CA; empty: it is about the file
	Scope   string // of the list, in words; of Unfetched, the URL
	Detail  string
	Serials []*big.Int    // of a Gap or a Lag, 20 at most
	Lag     time.Duration // of a Lag: between the thisUpdates
	Err     error         // of Unfetched, Unwritten and Untold

	stage int // of Expiring
}

func (p Problem) Error() string {
	text := string(p.Kind)
	if p.Issuer != "" {
		text += ": " + p.Issuer
	}
	if p.Scope != "" {
		text += ", " + p.Scope
	}
	text += ": " + p.Detail
	if len(p.Serials) > 0 {
		var serials []string
		for _, n := range p.Serials {
			serials = append(serials, fmt.Sprintf("%x", n))
		}
		text += " (" + strings.Join(serials, ", ") + ")"
	}
	if p.Err != nil {
		text += ": " + p.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (p Problem) Unwrap() error { return p.Err }

func (p *Problem) key() string {
	return fmt.Sprintf("%s\x00%s\x00%s\x00%d", p.Kind, p.Issuer, p.Scope, p.stage)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
