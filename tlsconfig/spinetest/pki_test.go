// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func TestMain(m *testing.M) {
	testenv.Overlap()
	goleak.VerifyTestMain(m)
}

const (
	provider = "nrl-rr8.supplier.thirdparty.nhs.uk"
	proxy    = "msg.int.spine2.ncrs.nhs.uk"
)

func newPKI(t *testing.T) *spinetest.PKI {
	t.Helper()
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	return pki
}

func TestALeafLooksLikeTheSpines(t *testing.T) {
	pki := newPKI(t)
	cert := pki.Issue(proxy)
	leaf := cert.Leaf
	require.NotNil(t, leaf)
	assert.Equal(t, "CN="+proxy+",OU=Devices,O=nhs", leaf.Subject.String())
	assert.Equal(t, pki.SubCA.RawSubject, leaf.RawIssuer)
	assert.NoError(t, leaf.CheckSignatureFrom(pki.SubCA))
	assert.Equal(t, x509.SHA256WithRSA, leaf.SignatureAlgorithm)
	assert.Equal(t, x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, leaf.KeyUsage)
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, leaf.ExtKeyUsage)
	assert.True(t, leaf.BasicConstraintsValid)
	assert.False(t, leaf.IsCA)
	assert.Equal(t, "1.2.826.0.1275.101.0.3.1.1", leaf.Policies[0].String())
	assert.Equal(t, []string{pki.Authority.CRLURL(7)}, leaf.CRLDistributionPoints)
	assert.Empty(t, leaf.OCSPServer)
	for _, extension := range leaf.Extensions {
		assert.NotEqual(t, "2.5.29.17", extension.Id.String(), "there is no subjectAltName")
	}
	assert.Equal(t, [][]byte{leaf.Raw, pki.SubCA.Raw}, cert.Certificate)
	assert.NotEqual(t, leaf.SerialNumber, pki.Issue(proxy).Leaf.SerialNumber)
}

func TestEveryPKIIsItsOwn(t *testing.T) {
	ours, theirs := newPKI(t), newPKI(t)
	assert.Equal(t, ours.SubCA.RawSubject, theirs.SubCA.RawSubject)
	verifier := ours.Endpoint(provider, proxy).Verifier
	refusedBy(t, &verifier, theirs.Issue(proxy), tlsconfig.RuleSubCA)
}

// refusedBy asserts that the verifier refuses the certificate by the rule.
func refusedBy(t *testing.T, v *tlsconfig.Verifier, cert tls.Certificate, rule tlsconfig.Rule) {
	t.Helper()
	_, err := v.Verify(context.Background(), tlsconfig.Presented{
		Certificates: []*x509.Certificate{cert.Leaf}, Usage: x509.ExtKeyUsageClientAuth})
	refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, rule, refusal.Rule, "%v", err)
}

func acceptedBy(t *testing.T, v *tlsconfig.Verifier, cert tls.Certificate) {
	t.Helper()
	_, err := v.Verify(context.Background(), tlsconfig.Presented{
		Certificates: []*x509.Certificate{cert.Leaf}, Usage: x509.ExtKeyUsageClientAuth})
	assert.NoError(t, err)
}

func TestCheckerKeepsNoAnswer(t *testing.T) {
	pki := newPKI(t)
	verifier := pki.Endpoint(provider, proxy).Verifier
	for name, variations := range map[string][]spinetest.Variation{"by CRL": nil, "by OCSP": {spinetest.WithOCSP()}} {
		t.Run(name, func(t *testing.T) {
			cert := pki.Issue(proxy, variations...)
			acceptedBy(t, &verifier, cert)
			pki.Authority.Revoke(cert.Leaf, revocation.ReasonSuperseded, time.Now())
			refusedBy(t, &verifier, cert, tlsconfig.RuleRevocation)
			acceptedBy(t, &verifier, pki.Issue(proxy, variations...))
		})
	}
}

func TestARevokedSubCAOpensNothing(t *testing.T) {
	pki := newPKI(t)
	verifier := pki.Endpoint(provider, proxy).Verifier
	cert := pki.Issue(proxy)
	acceptedBy(t, &verifier, cert)
	pki.RootService.Revoke(pki.SubCA, revocation.ReasonCACompromise, time.Now())
	refusedBy(t, &verifier, cert, tlsconfig.RuleRevocation)
}

func TestTheClockIsThePKIs(t *testing.T) {
	pki := newPKI(t)
	at := time.Date(2041, 5, 6, 7, 8, 9, 0, time.UTC)
	pki.Time = func() time.Time { return at }
	cert := pki.Issue(proxy)
	assert.Equal(t, at.Add(-time.Hour), cert.Leaf.NotBefore)
	verifier := pki.Endpoint(provider, proxy).Verifier
	acceptedBy(t, &verifier, cert)

	at = at.AddDate(3, 0, 0)
	refusedBy(t, &verifier, cert, tlsconfig.RuleValidity)
}

func TestAServerTakesItsPeerAlone(t *testing.T) {
	pki := newPKI(t)
	server := pki.NewServer(pki.Endpoint(provider, proxy), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	defer server.Close()

	cert := pki.Issue(proxy)
	response, err := server.Client(cert).Get(server.URL)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, proxy, string(body))

	// The same under its name, whatever the port.
	byName, err := server.Client(cert).Get("https://" + strings.ToUpper(provider) + "/")
	require.NoError(t, err)
	byName.Body.Close()

	for name, cert := range map[string]tls.Certificate{
		"without a certificate":            {},
		"with another system's":            pki.Issue("other.nhs.uk"),
		"with one that has expired":        pki.Issue(proxy, spinetest.Expired()),
		"with a key of another kind":       pki.Issue(proxy, spinetest.ECDSA()),
		"with one of the sibling's issued": pki.Issue(proxy, spinetest.FromOtherSubCA()),
	} {
		_, err := server.Client(cert).Get(server.URL)
		assert.ErrorContains(t, err, "remote error: tls: ", name)
	}

	pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Now())
	client := server.Client(cert)
	_, err = client.Get(server.URL)
	assert.Error(t, err)
}

func TestAClientBelievesNoOtherServer(t *testing.T) {
	pki := newPKI(t)
	other := newPKI(t)
	real := pki.NewServer(pki.Endpoint(provider, proxy), http.NotFoundHandler())
	defer real.Close()
	fake := other.NewServer(other.Endpoint(provider, proxy), http.NotFoundHandler())
	defer fake.Close()

	_, err := real.Client(pki.Issue(proxy)).Get(fake.URL)
	refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, tlsconfig.RuleSubCA, refusal.Rule)
}

func TestOnlyServersOfThePKIAreDialled(t *testing.T) {
	pki := newPKI(t)
	for _, address := range []string{"example.org:443", "192.0.2.1:443", "provider.nhs.uk:443", "localhost:443", "nothing"} {
		_, err := pki.DialContext(t.Context(), "tcp", address)
		assert.Error(t, err, address)
	}
	pki.SetHost("crl.provider.nhs.uk", strings.TrimPrefix(pki.Authority.URL, "http://"))
	conn, err := pki.DialContext(t.Context(), "tcp", "CRL.provider.nhs.uk:443")
	require.NoError(t, err)
	conn.Close()
}

func TestTheFetcherReachesBothServices(t *testing.T) {
	pki := newPKI(t)
	for _, url := range []string{pki.Authority.CRLURL(7), pki.RootService.ARLURL()} {
		_, err := pki.Fetcher().Fetch(t.Context(), revocation.Request{URL: url, MaxBytes: 1 << 20})
		assert.NoError(t, err)
	}
	_, err := pki.Fetcher().Fetch(t.Context(), revocation.Request{URL: "http://crl.nhs.uk/", MaxBytes: 1 << 20})
	assert.ErrorIs(t, err, revocation.ErrHostNotAllowed)

	pki.Authority.Fail(revocationtest.Unreachable)
	verifier := pki.Endpoint(provider, proxy).Verifier
	refusedBy(t, &verifier, pki.Issue(proxy), tlsconfig.RuleRevocation)
}

func TestAServerHasEachOfItsNames(t *testing.T) {
	pki := newPKI(t)
	e := pki.Endpoint(provider, proxy)
	e.Certificate = tlsconfig.StaticCertificate(pki.Issue(provider, spinetest.WithSAN(provider, "second.nhs.uk"), spinetest.Batch(8)))
	server := pki.NewServer(e, http.NotFoundHandler())
	t.Cleanup(server.Close)
	assert.Equal(t, []string{provider, "second.nhs.uk"}, server.Certificate().DNSNames)
	assert.Equal(t, []string{pki.Authority.CRLURL(8)}, server.Certificate().CRLDistributionPoints)
	for _, name := range server.Certificate().DNSNames {
		response, err := pki.Client(pki.Issue(proxy), name).Get("https://" + name)
		require.NoError(t, err, name)
		response.Body.Close()
	}
}
