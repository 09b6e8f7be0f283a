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
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A certificate that is revoked must not live on in a session.
func TestProxiesResumeNoSession(t *testing.T) {
	testenv.Need(t, "openssl", "openssl")
	tested := map[string]proxy{}
	for _, p := range proxies {
		tested[string(p.program)] = p
		if p.program == terminator.Apache {
			tested["apache with a cache"] = cachingSessions(p)
		}
	}
	for name, p := range tested {
		t.Run(name, func(t *testing.T) {
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

// cachingSessions is Apache with the session cache of the whole server that Debian's
// ssl.conf sets up.
func cachingSessions(p proxy) proxy {
	around := p.around
	p.around = func(dir string, rendered []byte) string {
		return "LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so\n" + strings.Replace(around(dir, rendered),
			"<VirtualHost ", "SSLSessionCache shmcb:"+dir+"/sessions(512000)\nSSLSessionCacheTimeout 300\n<VirtualHost ", 1)
	}
	return p
}
