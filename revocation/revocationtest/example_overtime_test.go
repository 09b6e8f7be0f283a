// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"math/big"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A hold comes and goes by delta CRLs, while the complete list stays the same.
func ExampleAuthority_deltas() {
	ca, key := exampleCA()
	authority := revocationtest.NewAuthority(ca, key)
	defer authority.Close()
	authority.Deltas = true
	leaf := exampleLeaf(ca, key, authority.CRLURL(7))

	// Each check is by a program that has just started and knows nothing.
	check := func() {
		checker := &revocation.Checker{
			Sources: []revocation.Source{&revocation.CRLs{Fetcher: authority.Fetcher()}},
			Policy:  revocation.Policy{Depth: revocation.EndEntity},
		}
		err := checker.Check(context.Background(), []*x509.Certificate{leaf, ca}, nil)
		if revoked, ok := errors.AsType[*revocation.RevokedError](err); ok {
			fmt.Println("revoked:", revoked.Reason)
		} else {
			fmt.Println("accepted:", err == nil)
		}
	}
	check()
	authority.Revoke(leaf, revocation.ReasonCertificateHold, time.Now())
	check()
	authority.Release(leaf)
	check()
	// Output:
	// accepted: true
	// revoked: certificateHold
	// accepted: true
}

// A mirror that lags serves the old list for a while, however many others have the
// new one.
func ExampleMirror() {
	ca, key := exampleCA()
	authority := revocationtest.NewAuthority(ca, key)
	defer authority.Close()
	now := time.Now()
	authority.Time = func() time.Time { return now }
	mirror := authority.NewMirror()
	mirror.Lag(10 * time.Minute)
	leaf := exampleLeaf(ca, key, authority.CRLURL(7), mirror.CRLURL(7))
	authority.Revoke(leaf, revocation.ReasonKeyCompromise, now)

	entries := func(url string) int {
		response, err := authority.Fetcher().Fetch(context.Background(), revocation.Request{URL: url, MaxBytes: 1 << 20})
		if err != nil {
			log.Fatal(err)
		}
		list, err := x509.ParseRevocationList(response.Body)
		if err != nil {
			log.Fatal(err)
		}
		return len(list.RevokedCertificateEntries)
	}
	for range 2 {
		fmt.Println("the CA lists", entries(authority.CRLURL(7)), "and the mirror", entries(mirror.CRLURL(7)))
		now = now.Add(10 * time.Minute)
	}
	// Output:
	// the CA lists 1 and the mirror 0
	// the CA lists 1 and the mirror 1
}

// The lists of a CA that was set up again are later, though their numbers are lower.
func ExampleAuthority_RestartNumbers() {
	ca, key := exampleCA()
	authority := revocationtest.NewAuthority(ca, key)
	defer authority.Close()
	number := func() *big.Int {
		list, err := x509.ParseRevocationList(authority.CRL(7))
		if err != nil {
			log.Fatal(err)
		}
		return list.Number
	}
	fmt.Println(number())
	authority.Publish()
	fmt.Println(number())
	authority.RestartNumbers()
	fmt.Println(number())
	// Output:
	// 1
	// 2
	// 1
}

// After a roll-over the CA's old key signs no more lists.
func ExampleAuthority_RollOver() {
	ca, key := exampleCA()
	authority := revocationtest.NewAuthority(ca, key)
	defer authority.Close()
	newKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: ca.Subject, NotAfter: ca.NotAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, ca, newKey.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	rolled, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	authority.RollOver(rolled, newKey)

	list, err := x509.ParseRevocationList(authority.CRL(7))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("by the old key:", list.CheckSignatureFrom(ca) == nil)
	fmt.Println("by the new key:", list.CheckSignatureFrom(rolled) == nil)
	// Output:
	// by the old key: false
	// by the new key: true
}

func exampleLeaf(ca *x509.Certificate, key *rsa.PrivateKey, points ...string) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(4519), NotAfter: ca.NotAfter, CRLDistributionPoints: points,
	}, ca, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	return leaf
}
