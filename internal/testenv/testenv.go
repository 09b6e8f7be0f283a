// SPDX-License-Identifier: Apache-2.0

// Package testenv finds what a test needs of the machine that it runs on: other
// programs, and addresses for them to listen on.
package testenv

import (
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

// Need returns the path of a program. A test whose program is missing is
// skipped, or fails where CI is set, and says which Debian package has it.
func Need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, fmt.Sprintf("%s is missing: install the package %s", program, debianPackage))
	}
	return path
}

// Missing skips a test that cannot run here, for the given reason. Where CI is
// set it fails the test: there, everything is installed.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	} else {
		t.Skip(reason)
	}
}

// FreeAddress returns an address of the loopback interface that nothing listens
// on, for a program that cannot choose a port itself. Its port is outside the
// range that the system gives to clients, and is returned only once.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for {
		port := 20000 + mathrand.IntN(12000)
		if _, taken := returned.LoadOrStore(port, true); taken {
			continue
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
}

// returned holds the ports that FreeAddress gave out.
var returned sync.Map
