// SPDX-License-Identifier: Apache-2.0

package simulation

// A rule is one that a process of the model breaks on purpose, in order to show
// that the histories tell rules apart.
type rule int

const (
	allKept rule = iota
	timeAlone
	numberAlone
	onlyLatest
	futureIgnored
	staleHolds
	uncombinedIgnored
	spentByNumber
	spentByLaterBase
	anyBase
	deltaDoesNotExtend
	expiredDeltaRemoves
	acrossSeries
	holdsForEver
	holdsEndEarly
	olderClears
	anyKeyClears
	taintIgnored
	everyReasonTaints
	taintedForgotten
	revokedSignerClears
	unknownTakesBack
	goodWinsTie
	aheadTakesBack
	taintedTakesBack
	rules // how many there are
)

var ruleNames = [...]string{
	"no rule is broken",
	"a list supersedes by its time alone",
	"a list supersedes by its number alone",
	"the entries of other lists than the latest are dropped",
	"a list that has not begun does not revoke",
	"a hold on another list stands after its nextUpdate",
	"a delta that cannot be combined does not revoke",
	"a delta is spent by a complete list's number alone",
	"a delta is spent by one of a later base",
	"a delta is combined whatever its base",
	"a delta does not make an expired list current",
	"an expired delta removes",
	"a document of another series removes a permanent revocation",
	"no document of another series removes a hold",
	"a hold is removed before its document has expired",
	"an older document removes a hold",
	"a list by any key of the CA clears",
	"a tainted key clears",
	"every reason taints a key",
	"what a tainted key revoked is dropped",
	"a responder whose certificate is revoked clears",
	"unknown removes a revocation",
	"good wins a tie of OCSP answers",
	"a good answer that was signed in advance takes a revocation back",
	"a good answer of a tainted key takes a revocation back",
}

func (r rule) String() string { return ruleNames[r] }
