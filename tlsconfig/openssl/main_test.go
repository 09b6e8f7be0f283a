// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// TestMain fails the run if a goroutine or a C object outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("crypto/internal/rand.init")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		if left := objectsLeft(); left != "" {
			fmt.Fprintln(os.Stderr, "C objects left:", left)
			code = 1
		}
	}
	os.Exit(code)
}

// objectsLeft names what libssl has not got back. The contexts of listeners and
// diallers are given back when those are collected.
func objectsLeft() (left string) {
	for range 100 {
		left = ""
		for kind, n := range openssl.Live() {
			if n != 0 {
				left += fmt.Sprintf("%d %s ", n, kind)
			}
		}
		if left == "" {
			return ""
		}
		runtime.GC()
		runtime.Gosched()
	}
	return left
}
