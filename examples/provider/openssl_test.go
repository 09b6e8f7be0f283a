// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// sClient runs openssl s_client against addr and returns what it prints. Its
// exit status is of no use: it is 0 when an alert comes after its own Finished.
func sClient(t *testing.T, addr string, args ...string) string {
	t.Helper()
	testenv.Need(t, "openssl", "openssl")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", append([]string{"s_client", "-connect", addr}, args...)...)
	// A request that makes the server answer and close, so that s_client has read
	// the server's verdict on its certificate before it ends.
	cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// -ign_eof and the server's close end it, whatever the verdict.
	cmd.Args = append(cmd.Args, "-ign_eof")
	_ = cmd.Run()
	require.NoError(t, ctx.Err(), "s_client did not end")
	return out.String()
}

// negotiated returns the suite of a connection on which the server answered a
// request, and "" if there was none.
func negotiated(out string) string {
	if !strings.Contains(out, "HTTP/1.0 ") {
		return ""
	}
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Cipher    : "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

func opensslNames(suites []tlsconfig.Suite) string {
	names := make([]string, len(suites))
	for i, s := range suites {
		names[i] = s.String()
	}
	return strings.Join(names, ":")
}

func TestOpenSSLClients(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts openssl some hundred times")
	}
	for _, engine := range []string{"native", "openssl"} {
		t.Run(engine, func(t *testing.T) { testOpenSSLClients(t, engine) })
	}
}

func testOpenSSLClients(t *testing.T, engine string) {
	files := exampletest.NewFiles(t)
	addr := start(t, files, "-engine", engine)
	ssp := files.Leaf(t, "ssp.nhs.uk")
	client := []string{"-tls1_2", "-cert", ssp.Cert, "-key", ssp.Key}

	suites := tlsconfig.Suites()
	foreign := []string{"AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA"}
	if engine == "native" {
		suites = slices.DeleteFunc(suites, func(s tlsconfig.Suite) bool { return !s.Native() })
		require.Len(t, suites, 3)
		foreign = append(foreign, "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-SHA")
	}

	t.Run("each suite negotiates alone", func(t *testing.T) {
		for _, s := range suites {
			out := sClient(t, addr, append(client, "-cipher", s.String())...)
			assert.Equal(t, s.String(), negotiated(out), out)
		}
	})

	t.Run("the most preferred shared suite wins whatever the order of the offer", func(t *testing.T) {
		reversed := tlsconfig.Suites()
		for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
			reversed[i], reversed[j] = reversed[j], reversed[i]
		}
		offers := [][]tlsconfig.Suite{tlsconfig.Suites(), reversed,
			{tlsconfig.ECDHE_RSA_AES128_GCM_SHA256, tlsconfig.ECDHE_RSA_AES256_GCM_SHA384}}
		random := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			offer := tlsconfig.Suites()
			random.Shuffle(len(offer), func(i, j int) { offer[i], offer[j] = offer[j], offer[i] })
			offers = append(offers, offer)
		}
		for _, offer := range offers {
			out := sClient(t, addr, append(client, "-cipher", opensslNames(offer))...)
			assert.Equal(t, "ECDHE-RSA-AES256-GCM-SHA384", negotiated(out), "offer %s: %s", opensslNames(offer), out)
		}
		out := sClient(t, addr, append(client, "-cipher", "ECDHE-RSA-AES256-SHA:DHE-RSA-AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256")...)
		assert.Equal(t, "ECDHE-RSA-AES128-GCM-SHA256", negotiated(out), out)
	})

	t.Run("other protocol versions get a protocol_version alert", func(t *testing.T) {
		for _, version := range []string{"-tls1", "-tls1_1", "-tls1_3"} {
			out := sClient(t, addr, version, "-cert", ssp.Cert, "-key", ssp.Key, "-cipher", "DEFAULT@SECLEVEL=0")
			assert.Empty(t, negotiated(out), version)
			assert.Contains(t, out, "alert protocol version", version)
		}
	})

	t.Run("only foreign suites get a handshake_failure alert", func(t *testing.T) {
		for _, suite := range foreign {
			out := sClient(t, addr, append(client, "-cipher", suite)...)
			assert.Empty(t, negotiated(out), suite)
			assert.Contains(t, out, "handshake failure", suite)
		}
	})

	t.Run("a client without a certificate is refused", func(t *testing.T) {
		out := sClient(t, addr, "-tls1_2")
		assert.Empty(t, negotiated(out))
		assert.Contains(t, out, "alert")
	})

	t.Run("a certificate of another name is refused", func(t *testing.T) {
		other := files.Leaf(t, "other.nhs.uk")
		out := sClient(t, addr, "-tls1_2", "-cert", other.Cert, "-key", other.Key)
		assert.Empty(t, negotiated(out))
		assert.Regexp(t, "alert (bad certificate|certificate unknown)", out)
	})
}
