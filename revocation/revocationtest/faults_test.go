// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// What is wrong with a document, as crypto/x509 and x/crypto/ocsp see it.
type flaws struct{ parse, signature, issuer, scope, expired, early, status bool }

func TestEachFaultIsWrongInItsOneWay(t *testing.T) {
	for fault, want := range map[revocationtest.Fault]struct{ crl, ocsp flaws }{
		revocationtest.None:           {},
		revocationtest.Truncated:      {flaws{parse: true}, flaws{parse: true}},
		revocationtest.WebPage:        {flaws{parse: true}, flaws{parse: true}},
		revocationtest.Expired:        {flaws{expired: true}, flaws{expired: true}},
		revocationtest.NotYetValid:    {flaws{early: true}, flaws{early: true}},
		revocationtest.WrongSignature: {flaws{signature: true}, flaws{signature: true}},
		revocationtest.Unsigned:       {flaws{signature: true}, flaws{signature: true}},
		revocationtest.WrongIssuer:    {flaws{signature: true, issuer: true}, flaws{signature: true, issuer: true}},
		revocationtest.WrongScope:     {flaws{scope: true}, flaws{scope: true}},
		revocationtest.UnknownSerial:  {flaws{}, flaws{status: true}},
		revocationtest.TryLater:       {flaws{}, flaws{parse: true}},
	} {
		t.Run(fault.String(), func(t *testing.T) {
			a, ca, leaf := start(t)
			good := list(t, a.CRL(7))
			a.Fail(fault)
			crl := revocation.Request{URL: a.CRLURL(7)}
			ask := revocation.Request{URL: a.OCSPURL(), Body: question(t, leaf, ca, nil), ContentType: "application/ocsp-request"}

			for name, get := range map[string]func(revocation.Request) ([]byte, error){
				"fetcher": func(r revocation.Request) ([]byte, error) { return fetch(a, r) },
				"HTTP":    func(r revocation.Request) ([]byte, error) { return overHTTP(t.Context(), r) },
			} {
				der, err := get(crl)
				require.NoError(t, err, name)
				assert.Equal(t, want.crl, flawsOfCRL(der, ca, good), "%s: CRL", name)
				der, err = get(ask)
				require.NoError(t, err, name)
				assert.Equal(t, want.ocsp, flawsOfOCSP(der, ca, leaf), "%s: OCSP", name)
			}

			a.Fail(revocationtest.None)
			assert.Equal(t, flaws{}, flawsOfCRL(a.CRL(7), ca, good), "the fault goes")
		})
	}
}

func flawsOfCRL(der []byte, ca *x509.Certificate, good *x509.RevocationList) flaws {
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return flaws{parse: true}
	}
	return flaws{
		signature: l.CheckSignatureFrom(ca) != nil,
		issuer:    !bytes.Equal(l.RawIssuer, good.RawIssuer),
		scope:     !bytes.Equal(l.Extensions[2].Value, good.Extensions[2].Value),
		expired:   time.Now().After(l.NextUpdate),
		early:     time.Now().Before(l.ThisUpdate),
		status:    len(l.RevokedCertificateEntries) != 0 || len(l.Extensions) != len(good.Extensions),
	}
}

func flawsOfOCSP(der []byte, ca, leaf *x509.Certificate) flaws {
	r, err := ocsp.ParseResponse(der, nil)
	if err != nil {
		return flaws{parse: true}
	}
	return flaws{
		signature: r.CheckSignatureFrom(ca) != nil,
		issuer:    !bytes.Equal(r.RawResponderName, ca.RawSubject),
		scope:     r.SerialNumber.Cmp(leaf.SerialNumber) != 0,
		expired:   time.Now().After(r.NextUpdate),
		early:     time.Now().Before(r.ThisUpdate),
		status:    r.Status != ocsp.Good,
	}
}

func TestFaultsThatBringNoDocument(t *testing.T) {
	a, _, _ := start(t)
	r := revocation.Request{URL: a.CRLURL(7)}
	fails := func(t *testing.T) (*revocation.FetchError, error) {
		t.Helper()
		_, err := fetch(a, r)
		failure, ok := errors.AsType[*revocation.FetchError](err)
		require.True(t, ok, "%v", err)
		_, err = overHTTP(t.Context(), r)
		return failure, err
	}

	a.Fail(revocationtest.Unreachable)
	failure, err := fails(t)
	assert.Zero(t, failure.StatusCode)
	assert.ErrorIs(t, err, io.EOF)

	a.Fail(revocationtest.Unavailable)
	failure, err = fails(t)
	assert.Equal(t, http.StatusServiceUnavailable, failure.StatusCode)
	assert.ErrorContains(t, err, "503")

	a.Fail(revocationtest.Endless)
	_, err = fetch(a, r)
	assert.ErrorIs(t, err, revocation.ErrTooLarge)
	body, err := overHTTP(t.Context(), r)
	require.NoError(t, err)
	assert.Len(t, body, 1<<20, "as much as was asked for")
}

func TestAnAnswerThatHangsEndsWithTheContext(t *testing.T) {
	a, _, _ := start(t)
	a.Fail(revocationtest.Hanging)
	r := revocation.Request{URL: a.CRLURL(7), MaxBytes: 1 << 20}
	fetcher := a.Fetcher()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := fetcher.Fetch(ctx, r)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestCloseEndsWhatHangs(t *testing.T) {
	ca := newCA(t, "SubCA", rsaKey())
	a := revocationtest.NewAuthority(ca, rsaKey())
	a.Fail(revocationtest.Hanging)
	sent, ended := make(chan struct{}), make(chan error, 1)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) },
	})
	go func() {
		_, err := overHTTP(ctx, revocation.Request{URL: a.CRLURL(7)})
		ended <- err
	}()
	<-sent
	a.Close()
	a.Close()
	assert.Error(t, <-ended)
}
