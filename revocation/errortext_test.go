// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A URL comes from a certificate and may say anything.
const forged = "http://a/\r\n2026-11-28 accepted \x1b[2J\"good\""

func TestErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	down := errors.New("down\nand out\r\x1b[31m")
	serial := big.NewInt(5)
	for name, err := range map[string]error{
		"a fetch":           &revocation.FetchError{URL: forged, Err: down},
		"a status":          &revocation.FetchError{URL: forged, StatusCode: 503},
		"a CRL":             &revocation.CRLError{Source: forged, Err: revocation.ErrScope, Detail: "for " + forged},
		"an OCSP response":  &revocation.OCSPError{Source: forged, Err: revocation.ErrResponder, Detail: forged},
		"a revocation":      &revocation.RevokedError{Serial: serial, Time: time.Now(), Source: forged},
		"an unknown status": &revocation.UnknownError{Errs: []error{errors.Join(down, &revocation.FetchError{URL: forged}), down}},
	} {
		text := err.Error()
		for _, r := range text {
			if r < ' ' || r == 0x7f {
				t.Errorf("%s: %q has the character %q", name, text, r)
			}
		}
	}
}

func TestErrorsSayEachReasonOnce(t *testing.T) {
	t.Parallel()
	fetch := &revocation.FetchError{URL: "http://a/", Err: errors.New("down")}
	err := &revocation.UnknownError{Errs: []error{errors.Join(fetch, errors.New("other")), fetch, nil}}
	assert.Equal(t, "revocation status unknown: fetching http://a/: down; other", err.Error())
	assert.ErrorIs(t, err, fetch)
}

// The certificate may be the SubCA's, where the record of the refusal names the leaf.
func TestErrorsNameWhoseCertificateItIs(t *testing.T) {
	t.Parallel()
	cert := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Sub\nCA", Organization: []string{"nhs"}}}
	assert.Equal(t, `revocation status of certificate 2 of "CN=Sub\nCA,O=nhs" unknown: down`,
		(&revocation.UnknownError{Cert: cert, Errs: []error{errors.New("down")}}).Error())
	assert.Equal(t, `certificate 2 of "CN=Sub\nCA,O=nhs" was revoked at 2026-11-29T09:00:00Z (cACompromise) according to stapled`,
		(&revocation.RevokedError{Cert: cert, Serial: cert.SerialNumber, Reason: revocation.ReasonCACompromise, Source: "stapled",
			Time: time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)}).Error())
}

func TestErrorsQuoteWhatIsNoURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://crl.nhs.uk/1.crl?a=%20":        "fetching http://crl.nhs.uk/1.crl?a=%20: HTTP status 404",
		"ldap:///cn=NHS Root,dc=nhs":           `fetching "ldap:///cn=NHS Root,dc=nhs": HTTP status 404`,
		"http://a/" + strings.Repeat("x", 500): fmt.Sprintf(`fetching "http://a/%s"...: HTTP status 404`, strings.Repeat("x", 191)),
	} {
		assert.Equal(t, want, (&revocation.FetchError{URL: url, StatusCode: 404}).Error())
	}
}
