// SPDX-License-Identifier: Apache-2.0

package pointertest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

func locator(s pointertest.Setting) (*asid.Authorizer, *pointer.Guard) {
	return &asid.Authorizer{Self: s.Self, Registry: s.Registry, Peers: s.Peers, Time: s.Time}, &pointer.Guard{Resolver: s.Resolver}
}

func TestRunGuard(t *testing.T) {
	t.Parallel()
	pointertest.RunGuard(t, func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		return authorizer.Middleware(guard.Middleware(asidtest.Mark(new(nrl.Store))))
	})
}

func TestAGuardThatDisclosesIsNoFault(t *testing.T) {
	t.Parallel()
	assert.NoError(t, pointertest.TestGuard(func(s pointertest.Setting) http.Handler {
		authorizer, guard := locator(s)
		guard.Disclose = true
		return authorizer.Middleware(guard.Middleware(asidtest.Mark(new(nrl.Store))))
	}))
}
