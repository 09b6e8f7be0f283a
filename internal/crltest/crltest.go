// SPDX-License-Identifier: Apache-2.0

// Package crltest has the lists and names that are read by revocation/internal/crl in its
// own tests and through package revocation in that one's.
package crltest

import (
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// Full gives an entry of every kind to a list of four, and every extension of a
// complete CRL.
func Full(list revocationtest.CRL) revocationtest.CRL {
	list.Entries[1].Reason = revocation.ReasonCertificateHold
	list.Entries[2].InvalidityDate = list.ThisUpdate.AddDate(-1, 0, 0)
	list.Entries[3].Date = time.Date(2060, 1, 2, 3, 4, 5, 0, time.UTC)
	list.Entries = append(list.Entries, revocationtest.Entry{Serial: new(big.Int).Lsh(big.NewInt(1), 150)})
	list.Number = 1000
	list.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{"http://crl.example/1.crl"}}, OnlyUserCerts: true}
	list.FreshestCRL = []revocationtest.DistributionPoint{{PointName: revocationtest.PointName{URLs: []string{"http://crl.example/delta.crl"}}}}
	return list
}

// Directory is a distribution point's name: names of the directory, in DER.
func Directory(names ...[]byte) revocationtest.PointName {
	return revocationtest.PointName{Directory: names}
}

// Relative is a distribution point's name, relative to the CRL issuer's, by one CN.
func Relative(value string) revocationtest.PointName {
	return revocationtest.PointName{Relative: pkix.RelativeDistinguishedNameSET{{Type: []int{2, 5, 4, 3}, Value: value}}}
}
