// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// GODEBUG is the process's, and so is what it lets crypto/tls accept: not parallel.
func TestNoConfigIsBuiltWhereSHA1SignsHandshakes(t *testing.T) {
	s := newSpine(t)
	e := s.endpoint(t, providerName, sspName)
	for setting, want := range map[string]string{
		"":                       "",
		"tlssha1=0":              "",
		"tlssha1=1":              "SHA-1",
		"http2debug=1,tlssha1=1": "SHA-1",
		"tlssha1=1#3":            "SHA-1",
		"tlssha1=1,tlssha1=0":    "",
		"xtlssha1=1":             "",
	} {
		t.Setenv("GODEBUG", setting)
		for _, err := range []error{justErr(e.ServerConfig()), justErr(e.ClientConfig())} {
			if want == "" {
				assert.NoError(t, err, setting)
			} else {
				assert.ErrorContains(t, err, want, setting)
			}
		}
	}
}
