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
package nrl
