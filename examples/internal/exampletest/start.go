// SPDX-License-Identifier: Apache-2.0

package exampletest

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Main is what an example's main calls.
type Main func(ctx context.Context, args []string, stdout, stderr io.Writer) error

// Start runs an example and returns, once it says so, the address that it listens on,
// and a function that ends it and returns its error. The test has to call that.
func Start(t testing.TB, run Main, stderr io.Writer, args ...string) (address string, stop func() error) {
	t.Helper()
	out, stdout := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, stdout, stderr)
		stdout.CloseWithError(io.EOF)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cancel()
		require.FailNow(t, "the example did not start", "%v", <-ended)
	}
	go io.Copy(io.Discard, out)
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), func() error {
		cancel()
		return <-ended
	}
}
