// SPDX-License-Identifier: Apache-2.0

// Package nrl is a small National Record Locator (NRL) in memory, for suppliers'
// tests and for examples. A [Store] answers the interactions of the NRL with the
// status codes, headers and OperationOutcomes of its specification, in JSON and
// XML; who may change what is for [pointer.Guard] to say, which goes before it:
//
//	store := new(nrl.Store)
//	guard := &pointer.Guard{Resolver: store, Disclose: true}
//	handler := authorizer.Middleware(guard.Middleware(store))
//
// It forgets everything when the process ends.
//
// # The R4 successor
//
// Behind a Guard with TargetIsID it takes and refuses what the public feature files
// of the NRL's R4 successor have producers send, but for these, in which the guard
// differs on purpose:
//
//   - A supersede of several pointers is refused: one decision is about one stored
//     pointer. They are superseded one by one.
//   - A custodian with a suffix behind the ODS code is refused: a registry that has
//     the code alone does not say what the suffix stands for.
//   - A create goes by no id of the client's, whether it has none, its own or that
//     of a pointer that exists: a store that took it would write over that one.
//   - A PUT, on a pointer or on all, is refused: it could change the custodian. The
//     one update is a PATCH of the status.
//   - A search by POST is refused: whatever is posted is to be a new pointer.
package nrl
