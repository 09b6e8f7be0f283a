// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"context"
	"crypto/x509"
	"io"
	"math/big"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A ledger is a Source that a user wrote by hand, with room for mistakes.
type ledger struct {
	ca      *x509.Certificate
	revoked map[string]bool // by serial; absent: unknown
	spoil   func(q revocation.Query, a *revocation.Answer, err *error)
}

func (l *ledger) Status(ctx context.Context, q revocation.Query) (revocation.Answer, error) {
	a, err := l.status(ctx, q)
	if l.spoil != nil {
		l.spoil(q, &a, &err)
	}
	return a, err
}

func (l *ledger) status(ctx context.Context, q revocation.Query) (revocation.Answer, error) {
	if err := ctx.Err(); err != nil {
		return revocation.Answer{}, err
	}
	if len(q.Path) < 2 || !q.Path[1].Equal(l.ca) {
		return revocation.Answer{}, revocation.ErrScope
	}
	revoked, ok := l.revoked[q.Path[0].SerialNumber.String()]
	if !ok {
		return revocation.Answer{}, revocation.ErrNoSource
	}
	a := revocation.Answer{Status: revocation.Good, ThisUpdate: q.At, NextUpdate: q.At.Add(time.Hour)}
	if revoked {
		a.Status, a.Revocation = revocation.Revoked, &revocation.RevokedError{Serial: q.Path[0].SerialNumber}
	}
	return a, nil
}

// SHA-1 names issuers in OCSP, which a process that enforces FIPS 140-3 does not hash
// with: the sources and this kit work there all the same.
func TestTheSourcesOfRevocationPassUnderEnforcedFIPS(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheSourcesOfRevocationPass$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestTheSourcesOfRevocationPass/OCSP,_asked")
}

func TestTheSourcesOfRevocationPass(t *testing.T) {
	a, ca, _ := start(t)
	leaf := func(serial int64, template x509.Certificate) []*x509.Certificate {
		template.SerialNumber = big.NewInt(serial)
		return []*x509.Certificate{issue(t, &template, rsaKey(), ca, rsaKey()), ca}
	}
	located := x509.Certificate{CRLDistributionPoints: []string{a.CRLURL(7)}, OCSPServer: []string{a.OCSPURL()}}
	known := revocationtest.Known{Good: leaf(101, located), Revoked: leaf(102, located), Unknown: leaf(103, x509.Certificate{})}
	a.Revoke(known.Revoked[0], revocation.ReasonKeyCompromise, time.Now().Add(-time.Hour))

	given := &revocation.CRLs{}
	require.NoError(t, given.Add(a.CRL(7)))
	told := &revocation.OCSP{}
	require.NoError(t, told.Add(a.OCSP(known.Good[0])))
	require.NoError(t, told.Add(a.OCSP(known.Revoked[0])))
	for name, source := range map[string]revocation.Source{
		"CRLs, given":        given,
		"CRLs, fetched":      &revocation.CRLs{Fetcher: a.Fetcher()},
		"OCSP, given":        told,
		"OCSP, asked":        &revocation.OCSP{Fetcher: a.Fetcher()},
		"OCSP, asked by GET": &revocation.OCSP{Fetcher: a.Fetcher(), NoNonce: true},
	} {
		t.Run(name, func(t *testing.T) { assert.NoError(t, revocationtest.TestSource(source, known)) })
	}
}

func TestTestSource(t *testing.T) {
	ca := newCA(t, "SubCA", rsaKey())
	path := func(serial int64) []*x509.Certificate {
		return []*x509.Certificate{issue(t, &x509.Certificate{SerialNumber: big.NewInt(serial)}, rsaKey(), ca, rsaKey()), ca}
	}
	known := revocationtest.Known{Good: path(1), Revoked: path(2), Unknown: path(3)}
	newLedger := func() *ledger { return &ledger{ca: ca, revoked: map[string]bool{"1": false, "2": true}} }
	require.NoError(t, revocationtest.TestSource(newLedger(), known))
	assert.Error(t, revocationtest.TestSource(newLedger(), revocationtest.Known{}))

	serial := func(q revocation.Query) int64 {
		if len(q.Path) == 0 {
			return 0
		}
		return q.Path[0].SerialNumber.Int64()
	}
	for mistake, c := range map[string]struct {
		spoil func(q revocation.Query, a *revocation.Answer, err *error)
		want  string
	}{
		"it takes what it does not know for good": {func(q revocation.Query, a *revocation.Answer, err *error) {
			if serial(q) == 3 {
				*a, *err = revocation.Answer{Status: revocation.Good}, nil
			}
		}, "the unknown certificate: good, want an error"},
		"it takes a stapled response at its word": {func(q revocation.Query, a *revocation.Answer, err *error) {
			if q.Stapled != nil {
				*a, *err = revocation.Answer{Status: revocation.Good}, nil
			}
		}, "with a stapled response that is none: good"},
		"it looks at the serial number alone": {func(q revocation.Query, a *revocation.Answer, err *error) {
			if len(q.Path) == 2 && !q.Path[1].Equal(ca) {
				*a, *err = revocation.Answer{Status: revocation.Good}, nil
			}
		}, "of another CA with the same name: good"},
		"it reports a revoked certificate as an error": {func(q revocation.Query, a *revocation.Answer, err *error) {
			if a.Status == revocation.Revoked {
				*err = a.Revocation
			}
		}, "the revoked certificate: certificate 2 was revoked"},
		"it says neither when nor why": {func(q revocation.Query, a *revocation.Answer, err *error) {
			a.Revocation = nil
		}, "Revocation is nil"},
		"it speaks of another serial number": {func(q revocation.Query, a *revocation.Answer, err *error) {
			if a.Revocation != nil {
				a.Revocation.Serial = big.NewInt(9)
			}
		}, "about serial number 9, want 2"},
		"it says nothing about time": {func(q revocation.Query, a *revocation.Answer, err *error) {
			a.ThisUpdate = time.Time{}
		}, "thisUpdate"},
		"it gives an expired answer without an error": {func(q revocation.Query, a *revocation.Answer, err *error) {
			a.NextUpdate = q.At.Add(-time.Second)
		}, "ErrExpired"},
		"it panics on an empty path": {func(q revocation.Query, a *revocation.Answer, err *error) {
			_ = q.Path[0]
		}, "no certificate at all: panic"},
		"it forgets a revocation when the context ends": {func(q revocation.Query, a *revocation.Answer, err *error) {
			if *err == context.Canceled && serial(q) == 2 {
				*a, *err = revocation.Answer{Status: revocation.Good}, nil
			}
		}, "when the context has ended: good, want an error or revoked"},
	} {
		t.Run(mistake, func(t *testing.T) {
			source := newLedger()
			source.spoil = c.spoil
			assert.ErrorContains(t, revocationtest.TestSource(source, known), c.want)
		})
	}
}

func TestTheSourcesOfRevocationSeeEachFaultForWhatItIs(t *testing.T) {
	a, ca, _ := start(t)
	cert := issue(t, &x509.Certificate{SerialNumber: big.NewInt(101),
		CRLDistributionPoints: []string{a.CRLURL(7)}, OCSPServer: []string{a.OCSPURL()}}, rsaKey(), ca, rsaKey())
	q := revocation.Query{Path: []*x509.Certificate{cert, ca}, At: time.Now()}
	for fault, want := range map[revocationtest.Fault]struct{ crl, ocsp error }{
		revocationtest.None:           {nil, nil},
		revocationtest.Unreachable:    {io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		revocationtest.Endless:        {revocation.ErrTooLarge, revocation.ErrTooLarge},
		revocationtest.Truncated:      {revocation.ErrMalformed, revocation.ErrMalformed},
		revocationtest.WebPage:        {revocation.ErrMalformed, revocation.ErrMalformed},
		revocationtest.Expired:        {revocation.ErrExpired, revocation.ErrExpired},
		revocationtest.NotYetValid:    {revocation.ErrNotYetValid, revocation.ErrNotYetValid},
		revocationtest.WrongSignature: {revocation.ErrSignature, revocation.ErrSignature},
		revocationtest.Unsigned:       {revocation.ErrSignature, revocation.ErrSignature},
		revocationtest.WrongIssuer:    {revocation.ErrScope, revocation.ErrResponder},
		revocationtest.WrongScope:     {revocation.ErrScope, revocation.ErrScope},
		revocationtest.UnknownSerial:  {nil, revocation.ErrResponder},
		revocationtest.TryLater:       {nil, revocation.ErrResponder},
	} {
		t.Run(fault.String(), func(t *testing.T) {
			a.Fail(fault)
			// Fresh ones: neither has an answer of before.
			_, err := (&revocation.CRLs{Fetcher: a.Fetcher(), MaxBytes: 1 << 20}).Status(t.Context(), q)
			assert.ErrorIs(t, err, want.crl, "%v", err)
			_, err = (&revocation.OCSP{Fetcher: a.Fetcher()}).Status(t.Context(), q)
			assert.ErrorIs(t, err, want.ocsp, "%v", err)
		})
	}
}
