// SPDX-License-Identifier: Apache-2.0

package asid

import "context"

// A Subject is what the sender of a request knows that its records should name.
type Subject struct {
	Pointer   string // the logical id of the pointer that led to a record
	NHSNumber string // recorded only if [Audit] says so
}

type subjectKey struct{}

// WithSubject returns a context for requests about s, for their audit records.
func WithSubject(ctx context.Context, s Subject) context.Context {
	return context.WithValue(ctx, subjectKey{}, s)
}
