// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"errors"
)

// A Resolver finds stored pointers. It must be safe for concurrent use. Where
// there is no such pointer it returns an error that wraps [ErrNotFound], where
// there are several one that wraps [ErrAmbiguous]; any other error means that it
// could not tell, and the change is refused. It finds pointers whatever their
// status, and as the store has them now: what a cache remembers may be another
// organisation's by now. The pointer's Version is not empty and has the form of a
// FHIR id. The Pointer that it returns is not changed any more.
//
// The guard's decision depends on three things that the store must keep: a
// pointer's custodian never changes, its id is never given to another pointer,
// and a look-up by subject and identifier goes by the masterIdentifier alone.
type Resolver interface {
	Resolve(ctx context.Context, q Query) (*Pointer, error)
}

// Kinds of failure that a [Resolver] tells apart, for [errors.Is].
var (
	ErrNotFound  = errors.New("there is no such pointer")
	ErrAmbiguous = errors.New("there is more than one such pointer")
)
