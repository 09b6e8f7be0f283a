// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"sync/atomic"
	"time"
)

// An Audit says what is in the records of an [Authorizer], a [Gate] or a
// [Transport], and what becomes of a request that cannot be recorded. The nil and
// the zero Audit have no bodies, no queries and no NHS numbers in the records, and
// let a request pass whose record fails; a nil Audit does not count such failures, and
// lets a panic of the log go on. Its fields are not to be changed once it is in use.
//
// There is one record for each request, when its answer is known. Its keys, of
// which those that have no value are left out:
//
//	id            joins the record with that of pointer.Guard
//	received      when the request came, or was sent; the record's own time is the answer's
//	method, path  of the request; NHS numbers here, and in query, claimed, organization, user, pointer and error, are masked
//	host          to which a Transport sent it
//	query         of the request, if IncludeQueries is set
//	remote        the address of the peer; joins the record with the handshake's
//	fqdn, bound   the names of the peer's certificate, and why it is the sender's
//	from, to      the ASIDs of sender and receiver
//	interaction   of the request; claimed: that of the header, if it is another
//	trace         the Ssp-TraceID
//	organization  of the token: the ODS code, with its system
//	user          of the token: the SDS role profile ID, with its system
//	patient       the NHS number of the query, the token or the context, if IncludeNHSNumbers is set
//	pointer       the logical id: of the context, the answer's Location or the path
//	status        of the answer
//	version       of what was answered: its ETag, or that of its Content-Location
//	rule, error   why the request was refused; rule is a [Rule], or one of pointer's
//	aborted       that the handler panicked, or tried to take over the connection
//	request, response  the bodies, if IncludeBodies is set; of what a Transport retrieves only the errors'
//
// Texts have at most 256 bytes, error has 1024, and behind what was cut stands how
// long it was; bodies are cut to IncludeBodies. What is not printable is replaced.
// Requests that net/http itself answers, with 400, 417, 431, 501 or 505, have no record.
// A record is written before the answer is complete: a log that hangs delays it.
type Audit struct {
	// Intent wants a record, of slog.LevelInfo, before an Authorizer or a Gate lets a
	// request pass that changes something; a request that is not so recorded is
	// answered with 503. It needs a Logger.
	Intent bool
	// IntentTimeout is how long that record may take; zero: 5 s.
	IntentTimeout time.Duration

	IncludeNHSNumbers bool
	IncludeQueries    bool
	// IncludeBodies is how many bytes of each body are recorded, with the NHS numbers in
	// them; zero: none. So many of an answer a Transport reads before it returns.
	IncludeBodies int

	failures atomic.Uint64
	intents  atomic.Int32 // the intent records that are being written
}

// Failures returns how many records could not be written: the log returned an error or
// panicked.
func (a *Audit) Failures() uint64 {
	if a == nil {
		return 0
	}
	return a.failures.Load()
}

func (a *Audit) nhsNumbers() bool { return a != nil && a.IncludeNHSNumbers }

func (a *Audit) bodies() int {
	if a == nil {
		return 0
	}
	return max(a.IncludeBodies, 0)
}
