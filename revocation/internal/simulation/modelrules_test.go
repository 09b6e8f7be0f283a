// SPDX-License-Identifier: Apache-2.0

//go:build rules

package simulation

import "testing"

// TestModelRules shows that for each rule there is a history that tells it from
// what it would otherwise be.
func TestModelRules(t *testing.T) {
	for r := allKept + 1; r < rules; r++ {
		if found := search(t, *seeds, byHand, newModel, r); found.err == nil {
			t.Errorf("%s: no seed of %d fails", r, *seeds)
		} else {
			t.Logf("%s: seed %d", r, found.seed)
		}
	}
}
