// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/crltest"
	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// fullCRL has an entry of every kind, and every extension of a complete CRL.
func fullCRL(p *crlPKI) revocationtest.CRL {
	return crltest.Full(p.ca.crl(1, 0x80, 0xff01, 0x7fffffffffffffff))
}

func requireCRLError(t *testing.T, err, kind error) {
	t.Helper()
	var crlError *revocation.CRLError
	require.ErrorAs(t, err, &crlError)
	require.ErrorIs(t, err, kind)
	require.Equal(t, "added", crlError.Source)
	require.NotEmpty(t, crlError.Detail)
}

func TestCRLInPEM(t *testing.T) {
	der := newCRLPKI(t).ca.crl().DER()
	block := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	require.NoError(t, new(revocation.CRLs).Add(block))
	require.NoError(t, new(revocation.CRLs).Add(append([]byte("\r\n"), append(block, '\n')...)))
	require.NoError(t, new(revocation.CRLs).Add(append(bytes.Clone(block), block...)), "several blocks, which nginx wants")
	require.NoError(t, new(revocation.CRLs).Add(append(bytes.Clone(block), '.')), "text beside the block, which openssl crl -text writes")
	for name, data := range map[string][]byte{
		"a block of another type":       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"a block with headers":          pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Headers: map[string]string{"a": "b"}, Bytes: der}),
		"a block that does not end":     block[:len(block)-10],
		"a block with something behind": pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: append(bytes.Clone(der), 0)}),
		"nothing":                       nil,
		"text":                          []byte("<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			requireCRLError(t, new(revocation.CRLs).Add(data), revocation.ErrMalformed)
		})
	}
}

func TestCRLSignatureAlgorithms(t *testing.T) {
	p := issueCRLPKI(rsaKey)
	ecdsaKey := testca.ECDSA()
	ecdsaCA := ocspIssue(t, crlCA("Sub CA", 2), ecdsaKey, p.root)
	for _, c := range []struct {
		algorithm x509.SignatureAlgorithm
		issuer    *ocspParty
		accepted  bool
	}{
		{x509.SHA256WithRSA, p.ca, true},
		{x509.SHA384WithRSA, p.ca, true},
		{x509.SHA512WithRSA, p.ca, true},
		{x509.SHA256WithRSAPSS, p.ca, true},
		{x509.SHA384WithRSAPSS, p.ca, true},
		{x509.SHA512WithRSAPSS, p.ca, true},
		{x509.ECDSAWithSHA256, ecdsaCA, true},
		{x509.ECDSAWithSHA384, ecdsaCA, true},
		{x509.ECDSAWithSHA512, ecdsaCA, true},
		{x509.SHA1WithRSA, p.ca, false},
		{x509.ECDSAWithSHA1, ecdsaCA, false},
	} {
		t.Run(c.algorithm.String(), func(t *testing.T) {
			path := p.leaf(t)
			path[1] = c.issuer.cert
			list := with(c.issuer.crl(), func(crl *revocationtest.CRL) { crl.SignatureAlgorithm = c.algorithm })
			crls := &revocation.CRLs{}
			if err := crls.Add(list.DER()); !c.accepted {
				requireCRLError(t, err, revocation.ErrSignature)
				return
			}
			good.require(t, crlsOf(t, list), path, ocspNow)
			list.BrokenSignature = true
			unknown(revocation.ErrSignature).require(t, crlsOf(t, list), path, ocspNow)
			list.BrokenSignature, list.NoSignature = false, true
			unknown(revocation.ErrSignature).require(t, crlsOf(t, list), path, ocspNow)
		})
	}
	inner := with(p.ca.crl(), func(crl *revocationtest.CRL) { crl.InnerAlgorithm = x509.SHA384WithRSA })
	requireCRLError(t, new(revocation.CRLs).Add(inner.DER()), revocation.ErrMalformed)
	// An RSA signature does not become one of ECDSA by its algorithm, nor the
	// other way round.
	path := p.leaf(t)
	path[1] = ecdsaCA.cert
	unknown(revocation.ErrSignature).require(t, crlsOf(t, p.ca.crl()), path, ocspNow)
	unknown(revocation.ErrSignature).require(t, crlsOf(t, ecdsaCA.crl()), p.leaf(t), ocspNow)
	pss := with(p.ca.crl(), func(crl *revocationtest.CRL) { crl.SignatureAlgorithm = x509.SHA256WithRSAPSS })
	unknown(revocation.ErrSignature).require(t, crlsOf(t, pss), path, ocspNow)

	// The algorithm names the length of the salt.
	for length, want := range map[int]crlVerdict{32: good, 20: unknown(revocation.ErrSignature), 0x40: unknown(revocation.ErrSignature)} {
		list := dertest.Parse(pss.DER())
		digest := sha256.Sum256(list.Children[0].Bytes())
		signature, err := rsa.SignPSS(rand.Reader, p.ca.key.(*rsa.PrivateKey), crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: length})
		require.NoError(t, err)
		list.Children[2].Content = append([]byte{0}, signature...)
		crls := &revocation.CRLs{}
		require.NoError(t, crls.Add(list.Bytes()))
		want.require(t, crls, p.leaf(t), ocspNow)
	}
}

// Of a long CRL, which is hashed while it is read, all is signed.
func TestCRLSignatureOfMany(t *testing.T) {
	p := newCRLPKI(t)
	list := p.ca.crl()
	for _, serial := range sequence(leafSerial+1, 5000) {
		list.Entries = append(list.Entries, revocationtest.Entry{Serial: serial})
	}
	der := list.DER()
	require.Greater(t, len(der), 64<<10)
	good.require(t, crlsOf(t, list), p.leaf(t), ocspNow)
	last := bytes.LastIndex(der, revocation.IntegerContent(list.Entries[4999].Serial))
	der[last]--
	crls := &revocation.CRLs{}
	require.NoError(t, crls.Add(der))
	unknown(revocation.ErrSignature).require(t, crls, p.leaf(t), ocspNow)
}

// A CRL with any octet changed is refused.
func TestCRLTampered(t *testing.T) {
	p := newCRLPKI(t)
	der := p.ca.crl(1).DER()
	path := p.leaf(t)
	for i := range der {
		changed := bytes.Clone(der)
		changed[i] ^= 1
		crls := &revocation.CRLs{}
		if crls.Add(changed) != nil {
			continue
		}
		answer, err := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
		assert.Error(t, err, "octet %d", i)
		assert.Equal(t, revocation.Answer{}, answer, "octet %d", i)
	}
}

func TestADamagedPEMBlockIsNotPassedOver(t *testing.T) {
	p := newCRLPKI(t)
	block := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.ca.crl().DER()})
	broken := bytes.Replace(bytes.Clone(block), []byte("MI"), []byte("M!"), 1)
	require.Error(t, new(revocation.CRLs).Add(broken))
	require.Error(t, new(revocation.CRLs).Add(append(bytes.Clone(broken), block...)))
}

// Lists of other CAs may have come from files and the Cache as well as by Add.
func TestListsOfOtherIssuersAreNotSaidToHaveBeenAdded(t *testing.T) {
	p := newCRLPKI(t)
	file := filepath.Join(t.TempDir(), "crl.pem")
	require.NoError(t, os.WriteFile(file, p.other.crl().DER(), 0o600))
	_, err := (&revocation.CRLs{Files: []string{file}}).Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
	require.ErrorIs(t, err, revocation.ErrScope)
	assert.ErrorContains(t, err, "CRL: not authoritative for the certificate: of those that are known, none is of the certificate's issuer")
}
