// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"time"
)

// A ca is a CA that no verifier trusts.
type ca struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// stranger returns the CA that signs where the Authority's should.
var stranger = sync.OnceValue(func() ca {
	return selfSigned(&x509.Certificate{Subject: pkix.Name{
		Country: []string{"GB"}, Organization: []string{"nhs"}, OrganizationalUnit: []string{"CA"}, CommonName: "Another CA",
	}})
})

// namesake returns another CA with the same name.
func namesake(cert *x509.Certificate) ca {
	return selfSigned(&x509.Certificate{RawSubject: cert.RawSubject, SubjectKeyId: cert.SubjectKeyId})
}

// selfSigned completes the template and signs it with a key of its own.
func selfSigned(template *x509.Certificate) ca {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("revocationtest: " + err.Error())
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Unix(0, 0), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic("revocationtest: " + err.Error())
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic("revocationtest: " + err.Error())
	}
	return ca{cert, key}
}

func next(serial *big.Int) *big.Int { return new(big.Int).Add(serial, big.NewInt(1)) }
