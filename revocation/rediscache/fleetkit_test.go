// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A fleet is a CA, a certificate of its, and the clock of the processes that ask about
// it.
type fleet struct {
	t    testing.TB
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	leaf *x509.Certificate

	mu  sync.Mutex
	now time.Time
}

func newFleet(t testing.TB) *fleet {
	t.Helper()
	key := testca.ECDSA()
	f := &fleet{t: t, key: key, now: time.Now().Truncate(time.Second)}
	certify := func(template, parent *x509.Certificate) *x509.Certificate {
		template.NotBefore, template.NotAfter = f.now.AddDate(-1, 0, 0), f.now.AddDate(1, 0, 0)
		return testca.Sign(template, parent, key.Public(), key)
	}
	f.ca = certify(testca.CA("CA", 1), nil)
	f.leaf = certify(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, CRLDistributionPoints: []string{"http://crl.example/1.crl"}}, f.ca)
	return f
}

// list is one of the CA's: the later the number, the later it is.
func (f *fleet) list(number int64, revoked bool) []byte {
	list := revocationtest.CRL{
		Issuer: f.ca, Key: f.key, Number: number, ThisUpdate: f.now.Add(time.Duration(number-10) * time.Minute), NextUpdate: f.now.AddDate(0, 0, 7),
		Scope: &revocationtest.Scope{PointName: revocationtest.PointName{URLs: f.leaf.CRLDistributionPoints}},
	}
	if revoked {
		list.Entries = []revocationtest.Entry{{Serial: f.leaf.SerialNumber, Reason: revocation.ReasonKeyCompromise}}
	}
	return list.DER()
}

func (f *fleet) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// nextLook is when all processes look again.
func (f *fleet) nextLook() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(2 * time.Hour)
}

// A mirror is a Fetcher with one list; nil: it cannot be reached.
type mirror []byte

func (m mirror) Fetch(_ context.Context, r revocation.Request) (*revocation.Response, error) {
	if m == nil {
		return nil, &revocation.FetchError{URL: r.URL, Err: errors.New("unreachable")}
	}
	return &revocation.Response{Body: m}, nil
}

// process is one of the fleet. It does not run: it looks when it is asked.
func (f *fleet) process(cache revocation.Cache, fetcher revocation.Fetcher) *revocation.Checker {
	return &revocation.Checker{
		Policy: revocation.Policy{Depth: revocation.EndEntity}, Time: f.clock,
		Sources: []revocation.Source{&revocation.CRLs{Fetcher: fetcher, Cache: cache, Time: f.clock}},
	}
}

// check asks a process about the certificate.
func (f *fleet) check(process *revocation.Checker) error {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	return process.Check(ctx, []*x509.Certificate{f.leaf, f.ca}, nil)
}

func (f *fleet) refuses(process *revocation.Checker) bool {
	_, revoked := errors.AsType[*revocation.RevokedError](f.check(process))
	return revoked
}
