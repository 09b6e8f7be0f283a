// SPDX-License-Identifier: Apache-2.0

package pointertest_test

import (
	"fmt"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

// A resolver of one's own is checked with the pointers that its store holds.
func ExampleTestResolver() {
	p := &pointer.Pointer{ID: "p1", Version: "1", Status: "current"}
	own := pointertest.MapResolver{"p1": p}
	fmt.Println(pointertest.TestResolver(own, p))
	// Output: <nil>
}

// An NRL-like server's handler is put to the test. In a test with subtests this
// is pointertest.RunGuard(t, ...).
func ExampleTestGuard() {
	fmt.Println(pointertest.TestGuard(func(s pointertest.Setting) http.Handler {
		authorizer := &asid.Authorizer{Self: s.Self, Registry: s.Registry, Peers: s.Peers, Time: s.Time}
		guard := &pointer.Guard{Resolver: s.Resolver}
		return authorizer.Middleware(guard.Middleware(asidtest.Mark(http.NotFoundHandler())))
	}))
	// Output: <nil>
}
