// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func ExampleAuthority() {
	ca, key := exampleCA()
	authority := revocationtest.NewAuthority(ca, key)
	defer authority.Close()

	leaf := exampleLeaf(ca, key, authority.CRLURL(7))
	authority.Revoke(leaf, revocation.ReasonKeyCompromise, time.Now())

	for batch := 7; batch <= 8; batch++ {
		list, err := x509.ParseRevocationList(authority.CRL(batch))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("batch", batch, "revoked", len(list.RevokedCertificateEntries))
	}
	// Output:
	// batch 7 revoked 1
	// batch 8 revoked 0
}

func ExampleCRL() {
	ca, key := exampleCA()
	list, err := x509.ParseRevocationList(revocationtest.CRL{
		Issuer:          ca,
		Key:             key,
		Entries:         []revocationtest.Entry{{Serial: big.NewInt(4519), Reason: revocation.ReasonSuperseded}},
		BrokenSignature: true,
	}.DER())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(list.RevokedCertificateEntries[0].SerialNumber, list.CheckSignatureFrom(ca))
	// Output: 4519 crypto/rsa: verification error
}

func exampleCA() (*x509.Certificate, *rsa.PrivateKey) {
	key := rsaKey().(*rsa.PrivateKey)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "NHS INT Authentication"},
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	return ca, key
}
