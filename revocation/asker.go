// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"time"
)

// asking says how a source is asked by a Checker.
type asking struct {
	// noFetch: nothing is waited for but the first reading of files and the Cache.
	// An answer that is not revoked then counts only if it is good.
	noFetch bool

	// brief: another source has an answer, so that only first looks are waited
	// for.
	brief bool

	// maxStale is how long after its end a good answer counts: then a look that is
	// under way need not be waited for beyond its head start.
	maxStale time.Duration

	// maxAge is Policy.MaxAge.
	maxAge time.Duration

	// chain is all of the chain, for whose certificates below the one in question
	// documents are asked for at the same time.
	chain []*x509.Certificate

	// rest says, before anything is waited for, whether one of those certificates is
	// known to be revoked; nil: it is not asked.
	rest restOfChain
}

// restOfChain is a Checker, as its sources ask it about the certificates of a chain that
// are not in question.
type restOfChain interface {
	// anyRevokedBelow reports whether a certificate of a chain below certificate i is
	// known to be revoked. Nothing is fetched for it.
	anyRevokedBelow(ctx context.Context, chain []*x509.Certificate, i int, at time.Time) bool
}

// refused reports whether a certificate of the chain below the one in question is
// known to be revoked, so that nothing need be waited for.
func (how *asking) refused(ctx context.Context, q *Query) bool {
	return how.rest != nil && how.rest.anyRevokedBelow(ctx, how.chain, len(how.chain)-len(q.Path), q.At)
}

// An asker is a source that can be asked in more ways than Status.
type asker interface {
	ask(ctx context.Context, q Query, how asking) (Answer, error)
}
