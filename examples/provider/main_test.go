package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
)

const self = "200000000205"

// start runs the provider until the test ends and returns its address.
func start(t *testing.T, files *exampletest.Files, more ...string) string {
	t.Helper()
	own := files.Leaf(t, "provider.nhs.uk")
	args := append([]string{"-listen", "127.0.0.1:0", "-cert", own.Cert, "-key", own.Key, "-roots", files.Roots,
		"-subcas", files.SubCAs, "-fqdn", "ssp.nhs.uk", "-asid", self, "-crl", files.CRL, "-crl", files.ARL}, more...)
	out, stdout := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, stdout, t.Output())
		stdout.CloseWithError(io.EOF)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cancel()
		require.FailNow(t, "the provider did not start", "%v", <-ended)
	}
	go io.Copy(io.Discard, out)
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}
