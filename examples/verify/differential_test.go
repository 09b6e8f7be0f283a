// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// The differential tests let chance choose chains, CRLs and OCSP responses, and
// compare what OpenSSL makes of them with what verify makes of them.

// cases is how many of each kind are compared. The seed is fixed, so a
// difference comes again.
const cases = 200

// differentialTime is when all is checked: now, since openssl ocsp takes no other
// time for its answers.
var differentialTime = time.Now().Truncate(time.Second)

// A generator makes the files of one case.
type generator struct {
	*mathrand.Rand
	t   *testing.T
	dir string

	rootKey, subCAKey, newSubCAKey, leafKey, responderKey crypto.Signer

	root, subCA, newSubCA *x509.Certificate // newSubCA: the same name, another key
}

func newGenerator(t *testing.T, seed uint64) *generator {
	g := &generator{Rand: mathrand.New(mathrand.NewPCG(seed, 0)), t: t, dir: t.TempDir()}
	g.rootKey, g.subCAKey, g.newSubCAKey = testca.RSA("root"), testca.RSA("SubCA"), testca.RSA("new SubCA")
	g.leafKey, g.responderKey = testca.RSA("leaf"), testca.RSA("responder")
	ca := func(cn string, serial int64, id byte) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{Organization: []string{"generated"}, CommonName: cn},
			NotBefore: differentialTime.AddDate(-5, 0, 0), NotAfter: differentialTime.AddDate(5, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
			SubjectKeyId: []byte{id},
		}
	}
	root := ca("Root", 1, 1)
	g.root = g.certificate(root, root, g.rootKey, g.rootKey)
	g.subCA = g.certificate(ca("SubCA", 2, 2), g.root, g.subCAKey, g.rootKey)
	g.newSubCA = g.certificate(ca("SubCA", 3, 3), g.root, g.newSubCAKey, g.rootKey)
	return g
}

func (g *generator) certificate(template, issuer *x509.Certificate, key, issuerKey crypto.Signer) *x509.Certificate {
	return testca.Sign(template, issuer, key.Public(), issuerKey)
}

// leaf returns a CN-only leaf of the SubCA.
func (g *generator) leaf(extensions ...pkix.Extension) *x509.Certificate {
	return g.certificate(&x509.Certificate{
		SerialNumber: big.NewInt(g.Int64N(1<<62) + 10), Subject: pkix.Name{CommonName: "leaf.nhs.uk"},
		NotBefore: differentialTime.AddDate(-1, 0, 0), NotAfter: differentialTime.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, SubjectKeyId: []byte{9}, ExtraExtensions: extensions,
	}, g.subCA, g.leafKey, g.subCAKey)
}

// one says yes in one of n cases.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func (g *generator) write(name, kind string, ders ...[]byte) string {
	return testca.WritePEM(g.dir, name, kind, ders...)
}

// times gives a list its times: mostly in force, some over, some to come.
func (g *generator) times() (thisUpdate, nextUpdate time.Time) {
	thisUpdate = differentialTime.Add(-time.Duration(g.IntN(20)+1) * time.Hour)
	nextUpdate = differentialTime.Add(time.Duration(g.IntN(20)+1) * time.Hour)
	switch g.IntN(16) {
	case 0:
		nextUpdate = thisUpdate.Add(30 * time.Minute)
	case 1:
		thisUpdate = differentialTime.Add(time.Hour)
	}
	return thisUpdate, nextUpdate
}

// entries lists other certificates and, one time in four, the leaf.
func (g *generator) entries(leaf *x509.Certificate, date time.Time) []revocationtest.Entry {
	var list []revocationtest.Entry
	for range g.IntN(4) {
		list = append(list, revocationtest.Entry{Serial: big.NewInt(g.Int64N(1<<62) + 10), Date: date})
	}
	if g.one(4) {
		reasons := []revocation.Reason{revocation.ReasonUnspecified, revocation.ReasonKeyCompromise, revocation.ReasonCertificateHold}
		list = append(list, revocationtest.Entry{Serial: leaf.SerialNumber, Date: date, Reason: reasons[g.IntN(len(reasons))]})
	}
	return list
}

// The two partitions of the reasons that the generator knows.
var (
	someReasons  = []revocation.Reason{revocation.ReasonKeyCompromise, revocation.ReasonCACompromise}
	otherReasons = []revocation.Reason{
		revocation.ReasonAffiliationChanged, revocation.ReasonSuperseded, revocation.ReasonCessationOfOperation,
		revocation.ReasonCertificateHold, revocation.ReasonPrivilegeWithdrawn, revocation.ReasonAACompromise,
	}
)

const (
	ownPartition   = "http://crl.example/c1.crl"
	otherPartition = "http://crl.example/c2.crl"
	// OpenSSL takes the first point with a list's name and no other, so points
	// that part the reasons need names of their own.
	thirdPartition = "http://crl.example/c3.crl"
	deltaURL       = "http://crl.example/delta.crl"
)

// A crlCase is one chain with its lists.
type crlCase struct {
	leaf *x509.Certificate
	crls [][]byte
	made string // what chance chose
}

// crlCase makes a leaf and lists that suit it more or less.
func (g *generator) crlCase() crlCase {
	var made []string
	note := func(format string, args ...any) { made = append(made, fmt.Sprintf(format, args...)) }

	byReason := g.one(4)
	var points []revocationtest.DistributionPoint
	switch {
	case byReason:
		note("two points by reason")
		points = []revocationtest.DistributionPoint{
			{PointName: revocationtest.PointName{URLs: []string{ownPartition}}, Reasons: someReasons},
			{PointName: revocationtest.PointName{URLs: []string{thirdPartition}}, Reasons: otherReasons},
		}
	case g.one(5):
		note("no point")
	case g.one(6):
		note("point in the directory")
		points = []revocationtest.DistributionPoint{{PointName: revocationtest.PointName{Directory: [][]byte{g.directoryName("c1")}}}}
	default:
		note("one point")
		points = []revocationtest.DistributionPoint{{PointName: revocationtest.PointName{URLs: []string{ownPartition}}}}
	}
	var extensions []pkix.Extension
	if len(points) > 0 {
		extensions = append(extensions, revocationtest.CRLDistributionPoints(points...))
	}
	c := crlCase{leaf: g.leaf(extensions...)}

	scopes := []*revocationtest.Scope{g.scope(note)}
	if byReason {
		first, second := g.scope(note), g.scope(note)
		for _, s := range []**revocationtest.Scope{&first, &second} {
			if *s == nil {
				*s = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{ownPartition}}}
			}
		}
		for i, url := range second.URLs {
			if url == ownPartition {
				second.URLs[i] = thirdPartition
			}
		}
		first.OnlySomeReasons, second.OnlySomeReasons = someReasons, otherReasons
		scopes = []*revocationtest.Scope{first, second}
		if g.one(4) {
			note("one partition of the reasons is missing")
			scopes = scopes[:1]
		}
	}
	for _, scope := range scopes {
		list := revocationtest.CRL{Issuer: g.subCA, Key: g.subCAKey, Number: 10, Scope: scope}
		switch g.IntN(12) {
		case 0:
			note("signed with the new key")
			list.Issuer, list.Key = g.newSubCA, g.newSubCAKey
		case 1:
			note("forged")
			list.Key = g.leafKey
		case 2:
			note("broken signature")
			list.BrokenSignature = true
		case 3:
			note("of the root")
			list.Issuer, list.Key = g.root, g.rootKey
		}
		list.ThisUpdate, list.NextUpdate = g.times()
		note("from %s until %s", list.ThisUpdate.Format(time.RFC3339), list.NextUpdate.Format(time.RFC3339))
		list.Entries = g.entries(c.leaf, list.ThisUpdate.Add(-time.Hour))
		note("%d entries", len(list.Entries))
		if g.one(3) && !byReason {
			list.FreshestCRL = []revocationtest.DistributionPoint{{PointName: revocationtest.PointName{URLs: []string{deltaURL}}}}
			c.crls = append(c.crls, list.DER(), g.delta(list, c.leaf, note))
			continue
		}
		c.crls = append(c.crls, list.DER())
	}
	c.crls = append(c.crls, revocationtest.CRL{Issuer: g.root, Key: g.rootKey,
		ThisUpdate: differentialTime.Add(-time.Hour), NextUpdate: differentialTime.Add(time.Hour),
		Scope: &revocationtest.Scope{OnlyCACerts: true}}.DER())
	c.made = strings.Join(made, ", ")
	return c
}

// directoryName is the SubCA's name with cn behind it. crypto/x509 does not
// read certificates whose points have relative names; lists may.
func (g *generator) directoryName(cn string) []byte {
	name := append(g.subCA.Subject.ToRDNSequence(), relativeName(cn))
	der, err := asn1.Marshal(name)
	require.NoError(g.t, err)
	return der
}

func relativeName(cn string) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{Type: []int{2, 5, 4, 3}, Value: cn}}
}

func (g *generator) scope(note func(string, ...any)) *revocationtest.Scope {
	s := &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{ownPartition}}}
	switch g.IntN(10) {
	case 0:
		note("no scope")
		return nil
	case 1:
		note("scope of another partition")
		s.URLs = []string{otherPartition}
	case 2:
		note("scope of both partitions")
		s.URLs = []string{otherPartition, ownPartition}
	case 3:
		note("relative scope")
		s.PointName = revocationtest.PointName{Relative: relativeName("c1")}
	case 4:
		note("scope of CAs")
		s.OnlyCACerts = true
	case 5:
		note("scope of attribute certificates")
		s.OnlyAttributeCerts = true
	case 6, 7:
		note("scope of users")
		s.OnlyUserCerts = true
	default:
		note("scope of the partition")
	}
	return s
}

// delta makes a delta CRL for the list.
func (g *generator) delta(list revocationtest.CRL, leaf *x509.Certificate, note func(string, ...any)) []byte {
	d := list
	d.FreshestCRL, d.Number, d.BaseNumber, d.BrokenSignature = nil, list.Number+g.Int64N(3), list.Number, false
	switch g.IntN(6) {
	case 0:
		note("delta from a later base")
		d.BaseNumber++
	case 1:
		note("delta of another scope")
		d.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{otherPartition}}}
	}
	d.Entries = g.entries(leaf, d.ThisUpdate.Add(-time.Minute))
	for i := range d.Entries {
		if g.one(2) {
			d.Entries[i].Reason = revocation.ReasonRemoveFromCRL
		}
	}
	note("delta %d of %d with %d entries", d.Number, d.BaseNumber, len(d.Entries))
	return d.DER()
}

// ours runs verify and returns whether it accepts, and what it prints.
func (g *generator) ours(args ...string) (bool, string) {
	var out bytes.Buffer
	status := run(append([]string{"-at", differentialTime.Format(time.RFC3339), "-roots", filepath.Join(g.dir, "root.pem"),
		"-subcas", filepath.Join(g.dir, "subca.pem")}, args...), &out, &out)
	require.NotEqual(g.t, unusable, status, out.String())
	return status == accepted, strings.TrimSpace(out.String())
}

func (g *generator) openssl(args ...string) string {
	cmd := exec.CommandContext(g.t.Context(), "openssl", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the status says no more than the text
	return stderr.String() + stdout.String()
}

func (g *generator) writeCAs() {
	g.write("root.pem", "CERTIFICATE", g.root.Raw)
	g.write("subca.pem", "CERTIFICATE", g.subCA.Raw)
	g.write("subcas.pem", "CERTIFICATE", g.subCA.Raw, g.newSubCA.Raw)
	g.write("new.pem", "CERTIFICATE", g.newSubCA.Raw)
}

func TestOpenSSLAgreesOnCRLs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts openssl some hundred times")
	}
	testenv.Need(t, "openssl", "openssl")
	g := newGenerator(t, 20261123)
	g.writeCAs()
	agreed := map[bool]int{}
	for i := range cases {
		c := g.crlCase()
		leaf := g.write("leaf.pem", "CERTIFICATE", c.leaf.Raw)
		crls := g.write("crls.pem", "X509 CRL", c.crls...)
		got, detail := g.ours("-ca", filepath.Join(g.dir, "new.pem"), "-crl", crls, leaf)
		out := g.openssl("verify", "-crl_check_all", "-extended_crl", "-use_deltas", "-purpose", "sslclient",
			"-attime", fmt.Sprint(differentialTime.Unix()), "-CAfile", filepath.Join(g.dir, "root.pem"),
			"-untrusted", filepath.Join(g.dir, "subcas.pem"), "-CRLfile", crls, leaf)
		want := strings.Contains(out, "leaf.pem: OK")
		if want && !got && strings.Contains(c.made, "delta from a later base") && strings.Contains(detail, "was revoked") {
			continue // OpenSSL passes over a delta CRL that it cannot combine; here what it lists is revoked
		}
		if assert.Equal(t, want, got, "case %d: %s\nverify: %s\nopenssl: %s", i, c.made, detail, out) {
			agreed[got]++
		}
	}
	t.Logf("agreed on %d accepted and %d rejected chains", agreed[true], agreed[false])
	assert.Greater(t, agreed[true], cases/10, "chance made next to nothing that is to be accepted")
	assert.Greater(t, agreed[false], cases/10, "chance made next to nothing that is to be rejected")
}
