// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// The clock of every test.
var now = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

const (
	sspName      = "msg.int.spine2.ncrs.nhs.uk"
	providerName = "nrl-rr8.supplier.thirdparty.nhs.uk"
)

// An authority is a CA.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serials atomic.Int64

func caTemplate(name string, edits ...func(*x509.Certificate)) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(serials.Add(1)),
		Subject:               pkix.Name{Country: []string{"GB"}, Organization: []string{"NHS"}, OrganizationalUnit: []string{"CA"}, CommonName: name},
		NotBefore:             now.AddDate(-1, 0, 0),
		NotAfter:              now.AddDate(9, 0, 0),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	for _, edit := range edits {
		edit(template)
	}
	return template
}

func newRoot(tb testing.TB, name, keyName string, edits ...func(*x509.Certificate)) *authority {
	tb.Helper()
	return selfSigned(name, testca.RSA(keyName), edits...)
}

func selfSigned(name string, key crypto.Signer, edits ...func(*x509.Certificate)) *authority {
	template := caTemplate(name, edits...)
	return &authority{testca.Sign(template, template, key.Public(), key), key}
}

func (a *authority) issueCA(tb testing.TB, name string, key crypto.Signer, edits ...func(*x509.Certificate)) *authority {
	tb.Helper()
	return &authority{testca.Sign(caTemplate(name, edits...), a.cert, key.Public(), a.key), key}
}

// issue returns a leaf as the Spine makes them, the name in the CN only, with
// its SubCA.
func (a *authority) issue(tb testing.TB, name string, edits ...func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	return a.issueFor(tb, name, testca.RSA("leaf"), edits...)
}

func (a *authority) issueFor(tb testing.TB, name string, key crypto.Signer, edits ...func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(serials.Add(1)),
		Subject:               pkix.Name{Organization: []string{"nhs"}, OrganizationalUnit: []string{"Devices"}, CommonName: name},
		NotBefore:             now.AddDate(0, -1, 0),
		NotAfter:              now.AddDate(2, 0, 0),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, edit := range edits {
		edit(template)
	}
	leaf := testca.Sign(template, a.cert, key.Public(), a.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// A spine is a root with the authentication SubCA and a sibling.
type spine struct {
	root, subCA, sibling *authority
	pins                 *tlsconfig.Pins
}

// newSpine is one whose CAs sign on P-256, which is faster than by RSA as the NHS's do.
func newSpine(tb testing.TB) *spine {
	tb.Helper()
	return spineOf(tb, testca.EC)
}

// rsaSpine is one whose CAs sign by RSA, where that makes a difference.
func rsaSpine(tb testing.TB) *spine {
	tb.Helper()
	return spineOf(tb, func(name string) crypto.Signer { return testca.RSA(name) })
}

func spineOf(tb testing.TB, key func(name string) crypto.Signer) *spine {
	tb.Helper()
	root := selfSigned("NHS PTL Root Authority G2", key("root"))
	s := &spine{
		root:    root,
		subCA:   root.issueCA(tb, "NHS INT Authentication G2", key("subca")),
		sibling: root.issueCA(tb, "NHS INT Signing G2", key("sibling")),
	}
	s.pins = pin(tb, []*authority{s.root}, []*authority{s.subCA})
	return s
}

func certsOf(authorities []*authority) []*x509.Certificate {
	certs := make([]*x509.Certificate, len(authorities))
	for i, a := range authorities {
		certs[i] = a.cert
	}
	return certs
}

func pin(tb testing.TB, roots, subCAs []*authority) *tlsconfig.Pins {
	tb.Helper()
	pins, err := tlsconfig.NewPins(certsOf(roots), certsOf(subCAs))
	require.NoError(tb, err)
	return pins
}

// logged is a provider's endpoint, and what it logs in JSON.
func (s *spine) logged(tb testing.TB) (*tlsconfig.Endpoint, *testenv.Log) {
	tb.Helper()
	e, log := s.endpoint(tb, providerName, sspName), new(testenv.Log)
	e.Logger = slog.New(slog.NewJSONHandler(log, nil))
	return e, log
}

// endpoint presents a fresh certificate for own and accepts the given peers.
func (s *spine) endpoint(tb testing.TB, own string, peers ...string) *tlsconfig.Endpoint {
	tb.Helper()
	return &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(s.subCA.issue(tb, own)),
		Verifier: tlsconfig.Verifier{
			Pins:       s.pins,
			FQDNs:      peers,
			Revocation: new(revocations),
			Time:       clock,
		},
	}
}

// revocations is a RevocationChecker that knows every certificate and refuses
// those that were revoked.
type revocations struct {
	revoked sync.Map // serial number in decimal
	asked   atomic.Int64
}

var errRevoked = errors.New("the certificate was revoked")

func (r *revocations) Check(ctx context.Context, chain []*x509.Certificate, _ []byte) error {
	r.asked.Add(1)
	for _, cert := range chain {
		if _, ok := r.revoked.Load(cert.SerialNumber.String()); ok {
			return errRevoked
		}
	}
	return ctx.Err()
}

func (r *revocations) revoke(cert *x509.Certificate) {
	r.revoked.Store(cert.SerialNumber.String(), true)
}

func certPEM(certs ...[]byte) []byte {
	var out []byte
	for _, der := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

func keyPEM(tb testing.TB, key crypto.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func writeFile(tb testing.TB, dir, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	require.NoError(tb, os.WriteFile(path, data, 0o600))
	return path
}

// refused asserts that err is a refusal by the rule.
func refused(tb testing.TB, err error, rule tlsconfig.Rule) *tlsconfig.PeerError {
	tb.Helper()
	var refusal *tlsconfig.PeerError
	require.ErrorAs(tb, err, &refusal)
	require.Equal(tb, rule.String(), refusal.Rule.String(), "%v", err)
	return refusal
}
