// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
)

// A certificate that is revoked must not live on in a session.
func TestProxiesResumeNoSession(t *testing.T) {
	testenv.Need(t, "openssl", "openssl")
	for _, p := range proxies {
		t.Run(string(p.program), func(t *testing.T) {
			testenv.Need(t, p.binary, p.debian)
			pki := testpki.Spine()
			addr := p.start(t, pki, "127.0.0.1:9")
			files := pki.Write(t, pki.Leaf(sspFQDN))
			session := filepath.Join(t.TempDir(), "session")
			shake := func(arg string) string {
				cmd := exec.CommandContext(t.Context(), "openssl", "s_client", "-connect", addr, "-tls1_2", "-cert", files.Cert, "-key", files.Key, arg, session)
				cmd.Stdin = strings.NewReader("")
				out, _ := cmd.CombinedOutput()
				return string(out)
			}
			assert.Contains(t, shake("-sess_out"), "New, TLS")
			if _, err := os.Stat(session); err != nil {
				return // none was given out
			}
			second := shake("-sess_in")
			assert.NotContains(t, second, "Reused, TLS")
			assert.Contains(t, second, "New, TLS")
		})
	}
}
