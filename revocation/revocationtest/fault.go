// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"strconv"
	"time"
)

const day = 24 * time.Hour

// soon is how long the documents of the fault Expiring are current.
const soon = 2 * time.Second

// A Fault is one way in which an [Authority] goes wrong.
type Fault int

// The faults. Each is of one kind; all else about the answer stays right.
const (
	None Fault = iota

	// No document comes.
	Unreachable // the connection is dropped
	Hanging     // no answer comes until the client gives up
	Unavailable // HTTP status 503
	Endless     // a document that does not end
	Truncated   // half a document, announced as a whole one
	WebPage     // HTML with status 200, as captive portals send it

	// A document comes that proves nothing.
	Expired        // nextUpdate lies a day back
	NotYetValid    // thisUpdate lies a day ahead
	WrongSignature // one bit of the signature is wrong
	Unsigned       // the signature is empty
	WrongIssuer    // issued and signed by another CA
	WrongScope     // about another partition (CRL) or another serial number (OCSP)

	// OCSP alone; CRLs stay right.
	UnknownSerial // the certificate's status is "unknown"
	TryLater      // the error status of a responder that is overloaded

	// A document comes that is right, but not for long.
	Expiring // nextUpdate lies two seconds ahead
)

var faultNames = [...]string{"None", "Unreachable", "Hanging", "Unavailable", "Endless", "Truncated", "WebPage",
	"Expired", "NotYetValid", "WrongSignature", "Unsigned", "WrongIssuer", "WrongScope", "UnknownSerial", "TryLater", "Expiring"}

// String returns the constant's name.
func (f Fault) String() string {
	if f < 0 || int(f) >= len(faultNames) {
		return "Fault(" + strconv.Itoa(int(f)) + ")"
	}
	return faultNames[f]
}

// thisUpdate is that of a document which is made now and expires lifetime after it.
func (f Fault) thisUpdate(now time.Time, lifetime time.Duration) time.Time {
	switch f {
	case Expired:
		return now.Add(-day - lifetime)
	case NotYetValid:
		return now.Add(day)
	case Expiring:
		return now.Add(soon - lifetime)
	}
	return now
}
