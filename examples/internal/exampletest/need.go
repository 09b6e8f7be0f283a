// SPDX-License-Identifier: Apache-2.0

// Package exampletest is what the tests of the examples share.
package exampletest

import (
	"os"
	"os/exec"
	"testing"
)

// Need skips the test on a machine that lacks the program; on one that is there
// to run every test, it fails.
func Need(t testing.TB, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: install the package %s", program, debianPackage)
	}
	t.Skipf("%s is missing: install the package %s", program, debianPackage)
}
