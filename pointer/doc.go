// SPDX-License-Identifier: Apache-2.0

// Package pointer lets systems change only their own pointers on a National
// Record Locator (NRL).
//
// The guidance's clause: a provider that supersedes, updates or deletes may do so
// to its own pointers only; the ASID of the system must be associated with the
// ODS code found in the pointer. That code is the custodian's. It is read from
// the body for what is new and from the store for what is there already, never
// from what the caller says about it.
//
// A server puts [Guard.Middleware] between [asid.Authorizer.Middleware], which
// says who is calling, and its own handler:
//
//	guard := &pointer.Guard{Resolver: store}
//	http.ListenAndServeTLS(..., authorizer.Middleware(guard.Middleware(store)))
//
// What goes on names the judged pointer and nothing else, so that no store can
// read the request differently; see [Guard.Middleware]. [DecisionFrom] gives the
// stored pointer that was judged, with its version, so that the handler can make
// the change only if the pointer is still the same. A server with a router of its
// own calls [Guard.Authorize] with a [Change].
//
// # What is read
//
// DocumentReferences of STU3 and R4, in JSON and XML, and the Parameters of an
// update. Only what ownership needs is read, but the whole body is checked: what
// two readers could see differently is refused, not guessed at. That is: a name
// twice in an object, or in XML an element twice; a name in another case (Go's
// encoding/json takes Custodian for custodian); a name that FHIR does not have at
// that place, where a reader that ignores case, hyphens or underscores could take
// it for one that it has; null or a number in place of a string; in JSON a byte
// order mark; invalid UTF-8, half a surrogate pair, data after the end; in XML a
// document type, processing instructions, CDATA, prefixes and other namespaces;
// contained resources, and references into them; implicitRules, and modifier
// extensions of the pointer, its custodian or a relatesTo, which may change what the
// rest means; a tag that says that the resource is a part; more nesting than 64 levels.
//
// # What other organisations learn
//
// The checks have one order: the request, the body, the custodian in the body,
// the stored pointer's existence, its custodian, and then the rest. By default
// the answers to a pointer that does not exist and to one of another
// organisation are the same, so that a caller cannot find out by trying which
// patients another provider has pointers for. The NRL itself tells them apart
// (404 and 400): [Guard.Disclose] does so too.
package pointer
