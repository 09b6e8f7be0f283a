// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A client takes what the server staples to the handshake, and CRLs for what
// no response speaks of; what was decided, and on whose word, goes to an audit
// log.
func ExampleChecker() {
	ca, caKey := exampleCertificate(nil, nil)
	leaf, _ := exampleCertificate(ca, caKey)
	chain := []*x509.Certificate{leaf, ca}
	authority := revocationtest.NewAuthority(ca, caKey)
	defer authority.Close()

	checker := &revocation.Checker{
		Sources: []revocation.Source{&revocation.OCSP{}, &revocation.CRLs{}},
		Record: func(_ context.Context, d revocation.Decision) {
			answer := d.Statements[len(d.Statements)-1].Answer
			fmt.Printf("%s: %s, %s\n", d.Cert.Subject.CommonName, answer.Source, answer.Status)
		},
	}
	fmt.Println(checker.Check(context.Background(), chain, authority.OCSP(leaf)))

	authority.Revoke(leaf, revocation.ReasonKeyCompromise, time.Time{})
	err := checker.Check(context.Background(), chain, authority.OCSP(leaf))
	if revoked, ok := errors.AsType[*revocation.RevokedError](err); ok {
		fmt.Println("revoked:", revoked.Reason)
	}

	other, _ := exampleCertificate(ca, caKey)
	err = checker.Check(context.Background(), []*x509.Certificate{other, ca}, nil)
	fmt.Println("no answer:", errors.Is(err, revocation.ErrNoSource))
	// Output:
	// msg.int.spine2.ncrs.nhs.uk: stapled, good
	// <nil>
	// msg.int.spine2.ncrs.nhs.uk: stapled, revoked
	// revoked: keyCompromise
	// msg.int.spine2.ncrs.nhs.uk: , unspecified
	// no answer: true
}

// exampleCertificate makes a leaf of the CA, or a root if there is no CA.
func exampleCertificate(ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "msg.int.spine2.ncrs.nhs.uk"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if ca == nil {
		template.Subject.CommonName = "Root"
		template.IsCA, template.BasicConstraintsValid = true, true
		ca, caKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert, key
}
