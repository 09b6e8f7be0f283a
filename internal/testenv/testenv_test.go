// SPDX-License-Identifier: Apache-2.0

package testenv_test

import (
	"flag"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// A recorder is a test that records how it ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper()           {}
func (r *recorder) Skip(args ...any)  { r.skipped = fmt.Sprint(args...) }
func (r *recorder) Fatal(args ...any) { r.failed = fmt.Sprint(args...) }

func TestNeedReturnsThePathOfAProgram(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("there is none then")
	}
	assert.NotEmpty(t, testenv.Need(t, "go", "golang-go"))
}

// Not parallel: it sets the environment.
func TestMissingProgramSkipsOnAUsersMachineAndFailsInCI(t *testing.T) {
	if testing.Short() {
		t.Skip("none is looked for then")
	}
	const want = "no-such-program is missing: install the package no-such-package"
	t.Setenv("CI", "")
	user := new(recorder)
	testenv.Need(user, "no-such-program", "no-such-package")
	assert.Equal(t, want, user.skipped)
	assert.Empty(t, user.failed)

	t.Setenv("CI", "true")
	ci := new(recorder)
	testenv.Need(ci, "no-such-program", "no-such-package")
	assert.Equal(t, want, ci.failed)
	assert.Empty(t, ci.skipped)
}

// Not parallel: it sets a flag.
func TestNoProgramIsStartedWithShort(t *testing.T) {
	short := flag.Lookup("test.short").Value
	before := short.String()
	require.NoError(t, short.Set("true"))
	t.Cleanup(func() { require.NoError(t, short.Set(before)) })
	r := new(recorder)
	testenv.Need(r, "go", "golang-go")
	assert.Equal(t, "starts go", r.skipped)
}

func TestFreeAddressCanBeListenedOn(t *testing.T) {
	t.Parallel()
	first, second := testenv.FreeAddress(t), testenv.FreeAddress(t)
	assert.NotEqual(t, first, second)
	l, err := net.Listen("tcp", first)
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

// TestStart starts this test once more, which is then the program.
func TestStart(t *testing.T) {
	if address := os.Getenv("TESTENV_LISTEN"); address != "" {
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		for {
			conn, err := l.Accept()
			require.NoError(t, err)
			conn.Close()
		}
	}
	self, err := os.Executable()
	require.NoError(t, err)
	address := testenv.FreeAddress(t)
	t.Setenv("TESTENV_LISTEN", address)
	t.Run("it listens", func(t *testing.T) {
		testenv.Start(t, []string{address}, self, "-test.run=^TestStart$")
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	})
	_, err = net.Dial("tcp", address)
	require.Error(t, err, "it ends with the test")
}
