// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/corpustest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func corpusFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := testdata.FS.ReadFile(path)
	require.NoError(t, err)
	return data
}

// Each chain of the corpus is judged as its case says, by the rule that it names.
func TestCorpusOfCertificates(t *testing.T) {
	t.Parallel()
	usages := map[string]x509.ExtKeyUsage{"client": x509.ExtKeyUsageClientAuth, "server": x509.ExtKeyUsageServerAuth}
	meant := func(c *testdata.Case) bool { return c.Certificate != nil }
	corpustest.Each(t, meant, func(t *testing.T, c *testdata.Case) {
		clock := func() time.Time { return c.Certificate.At }
		pins, err := tlsconfig.NewPins(testdata.Certificates(c.Certificate.Roots), testdata.Certificates(c.Certificate.SubCAs))
		if c.Rule == tlsconfig.RuleRoot.String() {
			assert.ErrorContains(t, err, "no pinned root issued the SubCA") // found before there is a peer
			if err != nil {
				return
			}
		}
		require.NoError(t, err)
		crls := &revocation.CRLs{Time: clock}
		for _, path := range c.Certificate.CRLs {
			if err := crls.Add(corpusFile(t, path)); c.Verdict == testdata.Accept {
				require.NoError(t, err, path)
			}
		}
		ocsp := &revocation.OCSP{Time: clock}
		verifier := &tlsconfig.Verifier{
			Pins: pins, FQDNs: c.Certificate.FQDNs, Time: clock,
			Revocation: &revocation.Checker{Sources: []revocation.Source{ocsp, crls}, Time: clock},
		}
		presented := tlsconfig.Presented{Certificates: testdata.Certificates(c.Certificate.Chain), Usage: usages[c.Certificate.Usage]}
		if c.Certificate.OCSP != "" {
			presented.OCSPResponse = corpusFile(t, c.Certificate.OCSP)
		}
		_, err = verifier.Verify(t.Context(), presented)
		if c.Verdict == testdata.Accept {
			require.NoError(t, err)
			return
		}
		refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
		require.True(t, ok, "let through, or refused without a rule: %v", err)
		assert.Equal(t, c.Rule, refusal.Rule.String(), "%v", err)
	})
}
