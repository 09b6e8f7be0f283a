// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

var now = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

const leafSerial = 0x4711

// A party is a certificate with its key.
type party struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// rsaKey returns one of a few RSA keys, for what is particular to them.
func rsaKey(i int) crypto.Signer { return testca.RSA(fmt.Sprint(i)) }

// key returns one of a few keys that sign fast.
func key(i int) crypto.Signer { return testca.EC(fmt.Sprint(i)) }

// issue makes a certificate that parent signs, or a self-signed one.
func issue(t testing.TB, template *x509.Certificate, key crypto.Signer, parent *party) *party {
	t.Helper()
	template.NotBefore, template.NotAfter = now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
	if parent == nil {
		parent = &party{template, key}
	}
	return &party{testca.Sign(template, parent.cert, key.Public(), parent.key), key}
}

func authority(name string, serial int64) *x509.Certificate {
	template := testca.CA(name, serial)
	template.SubjectKeyId = []byte(name)
	return template
}

// A pki is a root, a CA below it whose CRLs are read, and another CA, which issues
// indirect CRLs.
type pki struct {
	root, ca, other *party
}

func newPKI(t testing.TB) *pki { return pkiOf(t, key) }

func pkiOf(t testing.TB, key func(i int) crypto.Signer) *pki {
	root := issue(t, authority("Root", 1), key(0), nil)
	return &pki{
		root:  root,
		ca:    issue(t, authority("Sub CA", 2), key(1), root),
		other: issue(t, authority("CRL Issuer", 3), key(2), root),
	}
}

// subject returns a leaf with the given extensions, as the search for its CRLs
// sees it. They are added to what has been parsed, since crypto/x509 does not
// parse a distribution point with a relative name.
func (p *pki) subject(t testing.TB, extensions ...pkix.Extension) *crl.Subject {
	t.Helper()
	leaf := issue(t, &x509.Certificate{SerialNumber: big.NewInt(leafSerial), Subject: pkix.Name{CommonName: "leaf"}}, key(0), p.ca)
	leaf.cert.Extensions = append(leaf.cert.Extensions, extensions...)
	s, err := crl.NewSubject(leaf.cert)
	require.NoError(t, err)
	return s
}

// crl returns an ordinary CRL, an hour old, that the given serials are on.
func (p *party) crl(serials ...int64) revocationtest.CRL {
	list := revocationtest.CRL{Issuer: p.cert, Key: p.key, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	for _, serial := range serials {
		list.Entries = append(list.Entries, revocationtest.Entry{Serial: big.NewInt(serial)})
	}
	return list
}

func with(list revocationtest.CRL, change func(*revocationtest.CRL)) revocationtest.CRL {
	list.Entries = slices.Clone(list.Entries)
	change(&list)
	return list
}

func inScope(list revocationtest.CRL, scope revocationtest.Scope) revocationtest.CRL {
	return with(list, func(c *revocationtest.CRL) { c.Scope = &scope })
}

func urls(urls ...string) revocationtest.PointName { return revocationtest.PointName{URLs: urls} }

func at(name revocationtest.PointName) revocationtest.DistributionPoint {
	return revocationtest.DistributionPoint{PointName: name}
}

func parse(raw []byte) error {
	_, err := crl.Parse(raw, "test")
	return err
}

func read(t testing.TB, list revocationtest.CRL) *crl.List {
	t.Helper()
	l, err := crl.Parse(list.DER(), "test")
	require.NoError(t, err)
	return l
}

func requireError(t testing.TB, err, kind error) {
	t.Helper()
	var found *der.Error
	require.ErrorAs(t, err, &found)
	require.ErrorIs(t, err, kind)
	require.NotEmpty(t, found.Detail)
}

// resignedCRL signs the edited list.
func resignedCRL(list *dertest.Node, p *pki) []byte {
	list.Sign(p.ca.key)
	return list.Bytes()
}
