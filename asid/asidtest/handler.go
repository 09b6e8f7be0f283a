// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"net/http"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/internal/stage"
)

// Mark returns a handler that is to stand around the user's own, behind all
// that checks: by it [TestGate], [TestAuthorizer] and pointertest.TestGuard know
// how far their requests came. It answers these by 204 itself, so that they change
// nothing; all others go on to next.
func Mark(next http.Handler) http.Handler { return stage.Mark(next) }

// TestAuthorizer puts the handler of an NRL-like server to the test, which build
// makes as the server does, but with what is in the Setting, and with its own
// handler in [Mark]. It sends the corpus's requests, good and bad by one thing: by
// their headers, their token, their method and path, their ASID and interaction,
// their peer. What is good must come to the handler of Mark. What is bad must
// not, and must be answered by the error table, and not be stored by caches; a
// router before the check may answer paths and methods that it does not have by
// itself. It joins what goes wrong.
//
// A pointer.Guard stands inside Mark here, since it refuses these requests, which name
// no pointer of its store; pointertest.TestGuard puts it to the test:
//
//	authorizer.Middleware(asidtest.Mark(guard.Middleware(store)))
//
// The server checks tokens in full (asid.TokenAgreement, the default); one with
// Audience, RequireInteraction, TestIDs or a prefix to its paths is tested without.
func TestAuthorizer(build func(Setting) http.Handler) error { return kit.Join(authorizerCases(build)) }

// RunAuthorizer is TestAuthorizer with a subtest for each case.
func RunAuthorizer(t *testing.T, build func(Setting) http.Handler) {
	t.Helper()
	kit.Subtests(t, authorizerCases(build))
}

// TestGate is TestAuthorizer for a provider behind the SSP: routes are its own,
// each of them, for one without the check is found only if it is named. None: that
// of the zero Route.
func TestGate(build func(Setting) http.Handler, routes ...Route) error {
	return kit.Join(gateCases(build, routes))
}

// RunGate is TestGate with a subtest for each case.
func RunGate(t *testing.T, build func(Setting) http.Handler, routes ...Route) {
	t.Helper()
	kit.Subtests(t, gateCases(build, routes))
}
