// SPDX-License-Identifier: Apache-2.0

package asid

import "context"

// A Caller is the system that was authorised for one request.
type Caller struct {
	System      *System
	Interaction InteractionID
	Binding     Binding // why the certificate is the system's
	Token       *Token  // from the Authorization header, for audit; nil unless [Authorizer.Middleware] read one
}

type callerKey struct{}

// NewContext returns a context that carries the caller. [Authorizer.Middleware]
// calls it; so may a server that calls [Authorizer.Authorize] itself, and a test.
func NewContext(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of the request that ctx belongs to.
func CallerFrom(ctx context.Context) (*Caller, bool) {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c, c != nil
}
