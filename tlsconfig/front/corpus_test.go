// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// Each connection of the corpus that a proxy reports is let pass or refused by the
// rule that its case names.
func TestCorpusOfConnections(t *testing.T) {
	t.Parallel()
	pki := newPKI(t)
	leaf := pki.Issue(sspFQDN).Certificate[0]
	b := serve(t, newFront(pki, front.Nginx), "tcp", "127.0.0.1:0")
	asked := 0
	for _, c := range testdata.Cases() {
		if c.Request == nil || c.Request.Version == "" {
			continue
		}
		headers := headersOf(front.Nginx, leaf)
		headers.Set("Ssl-Protocol", c.Request.Version)
		headers.Set("Ssl-Cipher", c.Request.Suite)
		t.Run(c.Name, func(t *testing.T) {
			b.get(t, headers)
			rule := b.rule(t)
			if c.Rule != "" {
				require.NotEmpty(t, rule, "let through")
			}
			assert.Equal(t, c.Rule, rule)
		})
		asked++
	}
	assert.NotZero(t, asked)
}
