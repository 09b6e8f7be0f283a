// SPDX-License-Identifier: Apache-2.0

// Package corpustest runs a package's tests over the corpus.
package corpustest

import (
	"testing"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// Each runs test for each case that is one of those meant, in parallel subtests of the
// cases' names.
func Each(t *testing.T, meant func(*testdata.Case) bool, test func(*testing.T, *testdata.Case)) {
	t.Helper()
	for _, c := range testdata.Cases() {
		if meant(&c) {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				test(t, &c)
			})
		}
	}
}
