// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// CRLs that are already there, such as files, are enough to check a chain without a network,
// and for a time of one's choice.
func ExampleCRLs_Add() {
	ca, caKey := exampleCertificate(nil, nil)
	leaf, _ := exampleCertificate(ca, caKey)
	chain := []*x509.Certificate{leaf, ca}
	file := revocationtest.CRL{Issuer: ca, Key: caKey, Number: 1}.DER()
	newer := revocationtest.CRL{
		Issuer: ca, Key: caKey, Number: 2,
		Entries: []revocationtest.Entry{{Serial: leaf.SerialNumber, Reason: revocation.ReasonSuperseded}},
	}.DER()

	crls := &revocation.CRLs{}
	checker := &revocation.Checker{Sources: []revocation.Source{crls}}
	fmt.Println("no CRL:", errors.Is(checker.Check(context.Background(), chain, nil), revocation.ErrNoSource))

	if err := crls.Add(file); err != nil {
		fmt.Println(err)
	}
	fmt.Println("a CRL:", checker.Check(context.Background(), chain, nil))

	later := &revocation.Checker{Sources: checker.Sources, Time: func() time.Time { return time.Now().AddDate(0, 1, 0) }}
	fmt.Println("a month later:", errors.Is(later.Check(context.Background(), chain, nil), revocation.ErrExpired))

	if err := crls.Add(newer); err != nil {
		fmt.Println(err)
	}
	if revoked, ok := errors.AsType[*revocation.RevokedError](checker.Check(context.Background(), chain, nil)); ok {
		fmt.Println("a newer CRL: revoked,", revoked.Reason)
	}
	// Output:
	// no CRL: true
	// a CRL: <nil>
	// a month later: true
	// a newer CRL: revoked, superseded
}
