// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/corpustest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// Each connection of the corpus that a proxy reports is let pass or refused by the
// rule that its case names.
func TestCorpusOfConnections(t *testing.T) {
	t.Parallel()
	pki := spine()
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

func corpusFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := testdata.FS.ReadFile(path)
	require.NoError(t, err)
	return data
}

// What a proxy says of its client is taken or refused as the case says, by the rule
// that it names.
func TestCorpusOfFronts(t *testing.T) {
	t.Parallel()
	meant := func(c *testdata.Case) bool { return c.Front != nil }
	corpustest.Each(t, meant, func(t *testing.T, c *testdata.Case) {
		clock := func() time.Time { return c.Front.At }
		pins, err := tlsconfig.NewPins(testdata.Certificates(c.Front.Roots), testdata.Certificates(c.Front.SubCAs))
		require.NoError(t, err)
		crls := &revocation.CRLs{Time: clock}
		for _, path := range c.Front.CRLs {
			require.NoError(t, crls.Add(corpusFile(t, path)))
		}
		f := &front.Front{
			Form:   front.Form(c.Front.Form),
			Secret: c.Front.Secret, InsecureNoSecret: c.Front.Secret == "",
			Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
			Verifier: tlsconfig.Verifier{Pins: pins, FQDNs: c.Front.FQDNs, Time: clock,
				Revocation: &revocation.Checker{Sources: []revocation.Source{crls}, Time: clock}},
		}
		headers := http.Header{}
		for _, h := range c.Front.Headers {
			headers[h[0]] = append(headers[h[0]], h[1])
		}
		b := serve(t, f, "tcp", "127.0.0.1:0")
		b.get(t, headers)
		rule := b.rule(t)
		if c.Verdict == testdata.Refuse {
			require.NotEmpty(t, rule, "let through")
		}
		assert.Equal(t, c.Rule, rule, "%v", b.err)
	})
}
