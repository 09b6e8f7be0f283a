// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// The log has one record of a list that comes to one which is known, and says how the
// two stand to each other.
func TestListsThatComeLaterAreLogged(t *testing.T) {
	p := newCRLPKI(t)
	known := numbered(p.ca.crl(), 5)
	for name, test := range map[string]struct {
		list revocationtest.CRL
		want string // empty: no record
	}{
		"a list that supersedes it":        {numbered(between(p.ca.crl(), -30*time.Minute, time.Hour), 6), `level=INFO msg="CRL replaced"`},
		"one that it supersedes":           {numbered(between(p.ca.crl(), -2*time.Hour, time.Hour), 4), `level=WARN msg="CRL older than one that is known"`},
		"a later time and a lower number":  {numbered(between(p.ca.crl(), -30*time.Minute, time.Hour), 4), `level=WARN msg="CRL whose number and thisUpdate run against those of another"`},
		"an earlier time, a higher number": {numbered(between(p.ca.crl(), -2*time.Hour, time.Hour), 6), `level=WARN msg="CRL whose number and thisUpdate run against those of another"`},
		"the same again":                   {known, ""},
		"one of another series":            {inScope(numbered(p.ca.crl(), 6), revocationtest.Scope{OnlyUserCerts: true}), ""},
		"one that is not signed by the CA": {with(numbered(p.ca.crl(), 6), func(c *revocationtest.CRL) { c.Key = p.other.key }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log testenv.Log
			crls := &revocation.CRLs{Issuers: []*x509.Certificate{p.ca.cert}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Time: clock}
			require.NoError(t, crls.Add(known.DER()))
			require.NoError(t, crls.Add(test.list.DER()))
			if test.want == "" {
				assert.Empty(t, log.String())
				return
			}
			assert.Contains(t, log.String(), test.want)
			assert.Contains(t, log.String(), "source=added")
		})
	}
}
