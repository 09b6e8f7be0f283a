// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// pkitsData is where Debian's python3-cryptography-vectors puts the Public Key
// Interoperability Test Suite of NIST.
const pkitsData = "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data"

// A pkitsCase is a test of PKITS, numbered as there, with a further number where
// one test has several sets of initial policies. The certificates lead from the
// trust anchor to the end entity, with those of CRL issuers between.
type pkitsCase struct {
	Case  string
	Valid bool
	Certs []string
	CRLs  []string
}

// pkitsElsewhere are the cases that crypto/x509 decides against the suite's
// verdict before, or without regard to, revocation.
var pkitsElsewhere = []struct {
	why   string
	cases []string
}{
	{"crypto/x509 does not verify DSA signatures", []string{"4.1.4", "4.1.5"}},
	{
		"crypto/x509 compares names octet by octet, without the white space, case and string type rules of RFC 5280 section 7.1",
		[]string{"4.3.3", "4.3.4", "4.3.5", "4.3.10", "4.3.11"},
	},
	{"crypto/x509 counts self-issued certificates against pathLenConstraint", []string{"4.6.15", "4.6.17"}},
	{
		"crypto/x509 does not process name constraints on directory names, and refuses them as critical",
		[]string{"4.13.1", "4.13.4", "4.13.5", "4.13.6", "4.13.11", "4.13.14", "4.13.18", "4.13.19", "4.13.27"},
	},
	{
		"crypto/x509 takes a name constraint on a host as one on its subdomains too",
		[]string{"4.13.24", "4.13.25", "4.13.36"},
	},
	{
		"crypto/x509 refuses to parse a distribution point with nameRelativeToCRLIssuer (TestPKITSRelativeNames decides these three)",
		[]string{"4.14.4", "4.14.5", "4.14.29"},
	},
	{
		"the verdict depends on the initial policies, which these tests do not set",
		[]string{
			"4.8.1.3", "4.8.2.2", "4.8.3.2", "4.8.3.3", "4.8.6.3", "4.8.14.2",
			"4.10.1.2", "4.10.1.3", "4.10.3.1", "4.10.5.2", "4.10.6.2", "4.10.13.3", "4.12.3.2",
		},
	},
}

// TestPKITS runs the cases of PKITS in which revocation decides: those of the
// 249 whose path crypto/x509 verifies, but for 14 that the suite holds invalid
// for the sake of policies or name constraints (pkitsElsewhere). They are 135,
// of which 91 are valid. The Checker has the strictest policy and knows nothing
// but the CRLs and certificates of the case.
func TestPKITS(t *testing.T) {
	cases, at := readPKITS(t)
	elsewhere := map[string]string{}
	for _, group := range pkitsElsewhere {
		for _, name := range group.cases {
			elsewhere[name] = group.why
		}
	}
	decided := 0
	for _, c := range cases {
		chains, err := verifyPKITS(t, c, at)
		if why := elsewhere[c.Case]; why != "" {
			assert.NotEqual(t, c.Valid, err == nil, "%s is no longer decided elsewhere: %s", c.Case, why)
			continue
		}
		if err != nil {
			assert.False(t, c.Valid, "%s: %v", c.Case, err)
			continue
		}
		decided++
		t.Run(c.Case, func(t *testing.T) {
			checker := pkitsChecker(t, c, at)
			for _, chain := range chains {
				if err = checker.Check(t.Context(), chain, nil); err == nil {
					break
				}
			}
			if c.Valid {
				assert.NoError(t, err)
			} else {
				assert.Error(t, err)
			}
		})
	}
	assert.Equal(t, 135, decided)
}

// TestPKITSRelativeNames decides the three cases whose certificates crypto/x509
// does not parse. It is given them with the extension under another identifier,
// which is put right in what it makes of them; the signature of the certificate,
// which is not looked at here, no longer fits.
func TestPKITSRelativeNames(t *testing.T) {
	cases, at := readPKITS(t)
	decided := 0
	for _, c := range cases {
		if c.Case != "4.14.4" && c.Case != "4.14.5" && c.Case != "4.14.29" {
			continue
		}
		decided++
		t.Run(c.Case, func(t *testing.T) {
			points := []byte{0x06, 0x03, 0x55, 0x1d, 0x1f}
			der := readFile(t, "certs", c.Certs[len(c.Certs)-1]+".crt")
			require.Equal(t, 1, bytes.Count(der, points))
			leaf, err := x509.ParseCertificate(bytes.Replace(der, points, []byte{0x06, 0x03, 0x55, 0x1d, 0x7f}, 1))
			require.NoError(t, err)
			for i := range leaf.Extensions {
				if leaf.Extensions[i].Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 127}) {
					leaf.Extensions[i].Id[3] = 31
				}
			}
			chain := []*x509.Certificate{leaf}
			for _, name := range []string{c.Certs[1], c.Certs[0]} {
				cert, err := x509.ParseCertificate(readFile(t, "certs", name+".crt"))
				require.NoError(t, err)
				chain = append(chain, cert)
			}
			require.True(t, c.Valid)
			require.NoError(t, pkitsChecker(t, c, at).Check(t.Context(), chain, nil))
		})
	}
	require.Equal(t, 3, decided)
}

func readPKITS(t *testing.T) ([]pkitsCase, time.Time) {
	t.Helper()
	if _, err := os.Stat(pkitsData); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("PKITS needs Debian's python3-cryptography-vectors")
		}
		t.Skip("PKITS needs Debian's python3-cryptography-vectors")
	}
	table, err := os.ReadFile("testdata/pkits.json")
	require.NoError(t, err)
	var suite struct {
		Time  time.Time
		Cases []pkitsCase
	}
	require.NoError(t, json.Unmarshal(table, &suite))
	require.Len(t, suite.Cases, 249)
	return suite.Cases, suite.Time
}

// verifyPKITS lets crypto/x509 verify the path of a case.
func verifyPKITS(t *testing.T, c pkitsCase, at time.Time) ([][]*x509.Certificate, error) {
	t.Helper()
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	var leaf *x509.Certificate
	for i, name := range c.Certs {
		cert, err := x509.ParseCertificate(readFile(t, "certs", name+".crt"))
		if err != nil {
			return nil, err
		}
		switch i {
		case 0:
			roots.AddCert(cert)
		case len(c.Certs) - 1:
			leaf = cert
		default:
			intermediates.AddCert(cert)
		}
	}
	return leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
}

// pkitsChecker returns a Checker that knows the CRLs of a case, but for those
// that cannot be read.
func pkitsChecker(t *testing.T, c pkitsCase, at time.Time) *revocation.Checker {
	t.Helper()
	crls := &revocation.CRLs{}
	for _, name := range c.Certs[1 : len(c.Certs)-1] {
		cert, err := x509.ParseCertificate(readFile(t, "certs", name+".crt"))
		require.NoError(t, err)
		crls.Issuers = append(crls.Issuers, cert)
	}
	for _, name := range c.CRLs {
		if err := crls.Add(readFile(t, "crls", name+".crl")); err != nil {
			t.Log(name, err)
		}
	}
	return &revocation.Checker{Sources: []revocation.Source{crls}, Time: func() time.Time { return at }}
}

func readFile(t *testing.T, folder, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(pkitsData, folder, name))
	require.NoError(t, err)
	return data
}
