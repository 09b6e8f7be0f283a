// SPDX-License-Identifier: Apache-2.0

// Package testenv finds what a test needs of the machine that it runs on: other
// programs, addresses for them to listen on, and that they do.
package testenv

import (
	"bytes"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Need returns the path of a program. A test whose program is missing is
// skipped, or fails where CI is set, and says which Debian package has it. With
// -short, which is for a quick look, no other program is started: the test is skipped.
func Need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts " + program)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, fmt.Sprintf("%s is missing: install the package %s", program, debianPackage))
	}
	return path
}

// Java returns the arguments with which java runs a program of one source file, which it
// compiles each time.
func Java(source string, args ...string) []string {
	return append(append(JavaFlags(""), source), args...)
}

// JavaFlags returns those with which a program in Java begins soonest, since no test runs
// one for long: for java, or with the prefix "-J" for javac.
func JavaFlags(prefix string) []string {
	return []string{prefix + "-XX:TieredStopAtLevel=1", prefix + "-XX:+UseSerialGC"}
}

// Overlap lets parallel tests overlap, four at least at a time, in packages that wait for
// other programs and for time more than they compute. TestMain calls it first; -parallel on
// the command line counts for more.
func Overlap() {
	if err := flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))); err != nil {
		panic("testenv: " + err.Error())
	}
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

// Start starts a program that ends with the test, and returns once it accepts
// connections at each of addresses. What it said is logged if the test fails.
func Start(t testing.TB, addresses []string, path string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
		if t.Failed() {
			t.Logf("%s says: %s", path, said.Bytes())
		}
	})
	deadline := time.Now().Add(time.Minute)
	for _, address := range addresses {
		for !accepts(address) {
			select {
			case err := <-ended:
				ended <- err
				t.Fatalf("%s has ended: %v", path, err)
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not listen at %s", path, address)
			}
		}
	}
}

func accepts(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// FreeAddress returns an address of the loopback interface that nothing listens
// on, for a program that cannot choose a port itself. Its port is outside the
// range that the system gives to clients, and is returned only once.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for tries := 0; ; tries++ {
		port := firstPort + os.Getpid()%shares*portsOfShare + mathrand.IntN(portsOfShare)
		if tries > 10*portsOfShare { // its share may be used up
			port = firstPort + mathrand.IntN(shares*portsOfShare)
		}
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

// The ports of FreeAddress: tests of several packages run at once, and each process has a
// share of its own, so that none takes a port which another was just given.
const (
	firstPort    = 20000
	shares       = 40
	portsOfShare = 300
)

// returned holds the ports that FreeAddress gave out.
var returned sync.Map
