// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// An ocspCase is one leaf with a response.
type ocspCase struct {
	leaf     *x509.Certificate
	response []byte
	made     string
}

func (g *generator) ocspCase() ocspCase {
	var made []string
	note := func(s string) { made = append(made, s) }
	c := ocspCase{leaf: g.leaf()}
	answer := revocationtest.SingleResponse{Serial: c.leaf.SerialNumber, Status: []int{ocsp.Good, ocsp.Good, ocsp.Good, ocsp.Revoked, ocsp.Unknown}[g.IntN(5)]}
	note(fmt.Sprintf("status %d", answer.Status))
	answer.ThisUpdate, answer.NextUpdate = g.times()
	if g.one(2) {
		answer.Hash = crypto.SHA256
	}
	r := revocationtest.OCSPResponse{Issuer: g.subCA, Key: g.subCAKey, ProducedAt: answer.ThisUpdate, ByKey: g.one(2)}
	switch g.IntN(10) {
	case 0:
		note("for another serial")
		answer.Serial = big.NewInt(g.Int64N(1<<62) + 10)
	case 1:
		note("for another issuer")
		answer.Issuer = g.root
	case 2:
		note("broken signature")
		r.BrokenSignature = true
	case 3:
		note("forged")
		r.Key = g.leafKey
	case 4, 5:
		note("delegated")
		r.Responder, r.Key = g.responder([]x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, g.subCA, g.subCAKey), g.responderKey
	case 6:
		note("delegated without the usage")
		r.Responder, r.Key = g.responder([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, g.subCA, g.subCAKey), g.responderKey
	case 7:
		note("delegated by another CA")
		r.Responder, r.Key = g.responder([]x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, g.newSubCA, g.newSubCAKey), g.responderKey
	}
	r.Answers = []revocationtest.SingleResponse{answer}
	if g.one(4) {
		note("among others")
		other := answer
		other.Issuer, other.Serial = nil, big.NewInt(g.Int64N(1<<62)+10)
		other.Status = ocsp.Revoked
		r.Answers = append([]revocationtest.SingleResponse{other}, r.Answers...)
	}
	c.response, c.made = r.DER(), strings.Join(made, ", ")
	return c
}

// responder makes a delegated responder's certificate, which needs no check of
// its own revocation (RFC 6960 section 4.2.2.2.1).
func (g *generator) responder(usage []x509.ExtKeyUsage, issuer *x509.Certificate, issuerKey crypto.Signer) *x509.Certificate {
	return g.certificate(&x509.Certificate{
		SerialNumber: big.NewInt(g.Int64N(1<<62) + 10), Subject: pkix.Name{CommonName: "Responder"},
		NotBefore: differentialTime.AddDate(-1, 0, 0), NotAfter: differentialTime.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usage, SubjectKeyId: []byte{8},
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}},
	}, issuer, g.responderKey, issuerKey)
}

func TestOpenSSLAgreesOnOCSP(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts openssl some hundred times")
	}
	testenv.Need(t, "openssl", "openssl")
	g := newGenerator(t, 20261124)
	g.writeCAs()
	arl := g.write("arl.pem", "X509 CRL", revocationtest.CRL{Issuer: g.root, Key: g.rootKey,
		ThisUpdate: differentialTime.Add(-time.Hour), NextUpdate: differentialTime.Add(time.Hour),
		Scope: &revocationtest.Scope{OnlyCACerts: true}}.DER())
	agreed := map[bool]int{}
	for i := range cases {
		c := g.ocspCase()
		leaf := g.write("leaf.pem", "CERTIFICATE", c.leaf.Raw)
		response := filepath.Join(g.dir, "response.der")
		require.NoError(t, os.WriteFile(response, c.response, 0o600))
		got, detail := g.ours("-crl", arl, "-ocsp", response, leaf)
		out := g.openssl("ocsp", "-respin", response, "-issuer", filepath.Join(g.dir, "subca.pem"), "-cert", leaf,
			"-sha256", "-cert", leaf, "-no_nonce", "-attime", fmt.Sprint(differentialTime.Unix()), "-CAfile", filepath.Join(g.dir, "root.pem"),
			"-verify_other", filepath.Join(g.dir, "subca.pem"))
		want := strings.Contains(out, "Response verify OK") && strings.Contains(out, "leaf.pem: good") &&
			!strings.Contains(out, "Status times invalid")
		if assert.Equal(t, want, got, "case %d: %s\nverify: %s\nopenssl: %s", i, c.made, detail, out) {
			agreed[got]++
		}
	}
	t.Logf("agreed on %d accepted and %d rejected responses", agreed[true], agreed[false])
	assert.Greater(t, agreed[true], cases/10, "chance made next to nothing that is to be accepted")
	assert.Greater(t, agreed[false], cases/10, "chance made next to nothing that is to be rejected")
}
