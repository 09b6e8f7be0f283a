// SPDX-License-Identifier: Apache-2.0

package pointertest_test

import (
	"fmt"

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
