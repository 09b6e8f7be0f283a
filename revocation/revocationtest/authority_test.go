// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns an Authority, its CA, and a leaf of batch 7.
func start(t *testing.T) (a *revocationtest.Authority, ca, leaf *x509.Certificate) {
	t.Helper()
	ca = newCA(t, "SubCA", rsaKey())
	a = revocationtest.NewAuthority(ca, rsaKey())
	t.Cleanup(a.Close)
	leaf = issue(t, &x509.Certificate{SerialNumber: big.NewInt(100), CRLDistributionPoints: []string{a.CRLURL(7)}}, rsaKey(), ca, rsaKey())
	return a, ca, leaf
}

// fetch gets a document through Fetcher.
func fetch(a *revocationtest.Authority, r revocation.Request) ([]byte, error) {
	if r.MaxBytes == 0 {
		r.MaxBytes = 1 << 20
	}
	response, err := a.Fetcher().Fetch(context.Background(), r)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// overHTTP gets the same document from the server.
func overHTTP(ctx context.Context, r revocation.Request) ([]byte, error) {
	method := http.MethodGet
	if r.Body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1<<20))
}

func list(t *testing.T, der []byte) *x509.RevocationList {
	t.Helper()
	l, err := x509.ParseRevocationList(der)
	require.NoError(t, err)
	return l
}

func serials(l *x509.RevocationList) (s []int64) {
	for _, entry := range l.RevokedCertificateEntries {
		s = append(s, entry.SerialNumber.Int64())
	}
	return s
}

func question(t *testing.T, leaf, ca *x509.Certificate, opts *ocsp.RequestOptions) []byte {
	t.Helper()
	der, err := ocsp.CreateRequest(leaf, ca, opts)
	require.NoError(t, err)
	return der
}

func TestARevokedCertificateIsOnTheListOfItsBatchAlone(t *testing.T) {
	a, ca, leaf := start(t)
	sub := issue(t, &x509.Certificate{SerialNumber: big.NewInt(101), IsCA: true, BasicConstraintsValid: true}, rsaKey(), ca, rsaKey())
	bare := issue(t, &x509.Certificate{SerialNumber: big.NewInt(102)}, rsaKey(), ca, rsaKey())
	assert.Empty(t, serials(list(t, a.CRL(7))))

	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	a.Revoke(leaf, revocation.ReasonKeyCompromise, at)
	a.Revoke(sub, revocation.ReasonCACompromise, at)
	a.Revoke(bare, revocation.ReasonUnspecified, time.Time{})
	assert.Equal(t, []int64{100, 102}, serials(list(t, a.CRL(7))))
	assert.Equal(t, []int64{102}, serials(list(t, a.CRL(8))))
	assert.Equal(t, []int64{101}, serials(list(t, a.ARL())))

	entry := list(t, a.CRL(7)).RevokedCertificateEntries[0]
	assert.Equal(t, 1, entry.ReasonCode)
	assert.Equal(t, at, entry.RevocationTime)

	response, err := ocsp.ParseResponse(a.OCSP(leaf), ca)
	require.NoError(t, err)
	assert.Equal(t, ocsp.Revoked, response.Status)
	assert.Equal(t, ocsp.KeyCompromise, response.RevocationReason)
	assert.Equal(t, at, response.RevokedAt)
}

func TestARevocationCanBeTakenBack(t *testing.T) {
	a, ca, leaf := start(t)
	a.Revoke(leaf, revocation.ReasonCertificateHold, time.Time{})
	held := list(t, a.CRL(7))
	assert.Equal(t, []int64{100}, serials(held))
	a.Release(leaf)
	released := list(t, a.CRL(7))
	assert.Empty(t, serials(released))
	assert.Positive(t, released.Number.Cmp(held.Number), "it takes the place of the other")
	response, err := ocsp.ParseResponse(a.OCSP(leaf), ca)
	require.NoError(t, err)
	assert.Equal(t, ocsp.Good, response.Status)
}

func TestWhatExpiresSoonIsRightUntilThen(t *testing.T) {
	a, ca, leaf := start(t)
	now := time.Now().UTC().Truncate(time.Second)
	a.Time = func() time.Time { return now }
	a.Fail(revocationtest.Expiring)
	crl := list(t, a.CRL(7))
	require.NoError(t, crl.CheckSignatureFrom(ca))
	assert.Equal(t, now.Add(2*time.Second), crl.NextUpdate)
	response, err := ocsp.ParseResponse(a.OCSP(leaf), ca)
	require.NoError(t, err)
	assert.Equal(t, now.Add(2*time.Second), response.NextUpdate)
}

func TestListsAreScopedAndNumberedUpwards(t *testing.T) {
	a, ca, leaf := start(t)
	first := list(t, a.CRL(7))
	require.NoError(t, first.CheckSignatureFrom(ca))
	scope := func(flag uint8, u string) []byte {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(0xa0, func(b *cryptobyte.Builder) {
				b.AddASN1(0xa0, func(b *cryptobyte.Builder) { b.AddASN1(0x86, func(b *cryptobyte.Builder) { b.AddBytes([]byte(u)) }) })
			})
			b.AddBytes([]byte{flag, 1, 0xff})
		})
		return b.BytesOrPanic()
	}
	assert.Equal(t, scope(0x81, a.CRLURL(7)), first.Extensions[2].Value)
	assert.True(t, first.Extensions[2].Critical)
	assert.Equal(t, scope(0x82, a.ARLURL()), list(t, a.ARL()).Extensions[2].Value)

	assert.Equal(t, first.Raw, a.CRL(7), "the same list until something changes")
	a.Revoke(leaf, revocation.ReasonUnspecified, time.Now())
	assert.Positive(t, list(t, a.CRL(7)).Number.Cmp(first.Number))
}

func TestTheSameDocumentsComeOverHTTPAndThroughFetcher(t *testing.T) {
	a, ca, leaf := start(t)
	ask := question(t, leaf, ca, nil)
	for name, r := range map[string]revocation.Request{
		"CRL":                {URL: a.CRLURL(7)},
		"ARL":                {URL: a.ARLURL()},
		"OCSP, POST":         {URL: a.OCSPURL(), Body: ask, ContentType: "application/ocsp-request"},
		"OCSP, GET, escaped": {URL: a.OCSPURL() + "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(ask))},
	} {
		t.Run(name, func(t *testing.T) {
			before := a.Requests()
			direct, err := fetch(a, r)
			require.NoError(t, err)
			served, err := overHTTP(t.Context(), r)
			require.NoError(t, err)
			assert.Equal(t, before+2, a.Requests())
			if r.URL == a.CRLURL(7) || r.URL == a.ARLURL() {
				assert.Equal(t, direct, served)
				return
			}
			for _, der := range [][]byte{direct, served} {
				response, err := ocsp.ParseResponseForCert(der, leaf, ca)
				require.NoError(t, err)
				assert.Equal(t, ocsp.Good, response.Status)
			}
		})
	}
}

func TestTheResponderAnswersForItsOwnCAAndRepeatsTheNonce(t *testing.T) {
	a, ca, leaf := start(t)
	post := func(body []byte) revocation.Request {
		return revocation.Request{URL: a.OCSPURL(), Body: body, ContentType: "application/ocsp-request"}
	}
	other := newCA(t, "Other", rsaKey())
	der, err := fetch(a, post(question(t, leaf, other, nil)))
	require.NoError(t, err)
	_, err = ocsp.ParseResponse(der, nil)
	assert.Equal(t, ocsp.ResponseError{Status: ocsp.Unauthorized}, err)

	der, err = fetch(a, post([]byte("what?")))
	require.NoError(t, err)
	_, err = ocsp.ParseResponse(der, nil)
	assert.Equal(t, ocsp.ResponseError{Status: ocsp.Malformed}, err)

	der, err = fetch(a, post(question(t, leaf, ca, &ocsp.RequestOptions{Hash: 5 /* SHA-256 */})))
	require.NoError(t, err)
	response, err := ocsp.ParseResponseForCert(der, leaf, ca)
	require.NoError(t, err)
	assert.EqualValues(t, 5, response.IssuerHash)
	assert.NotContains(t, string(der), "a nonce of 16 b.")

	nonce := "\x04\x10a nonce of 16 b."
	der, err = fetch(a, post(withNonce(t, question(t, leaf, ca, nil), nonce)))
	require.NoError(t, err)
	assert.Contains(t, string(der), "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02\x04\x12"+nonce)
}

func withNonce(t *testing.T, request []byte, value string) []byte {
	t.Helper()
	var outer, tbs cryptobyte.String
	input := cryptobyte.String(request)
	require.True(t, input.ReadASN1(&outer, cbasn1.SEQUENCE) && outer.ReadASN1(&tbs, cbasn1.SEQUENCE))
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			b.AddASN1(0xa2, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier([]int{1, 3, 6, 1, 5, 5, 7, 48, 1, 2})
						b.AddASN1OctetString([]byte(value))
					})
				})
			})
		})
	})
	return b.BytesOrPanic()
}

func TestAListThatTheClientHoldsIsNotSentAgain(t *testing.T) {
	a, _, leaf := start(t)
	r := revocation.Request{URL: a.CRLURL(7), MaxBytes: 1 << 20}
	first, err := a.Fetcher().Fetch(t.Context(), r)
	require.NoError(t, err)
	require.NotEmpty(t, first.ETag)

	r.ETag = first.ETag
	again, err := a.Fetcher().Fetch(t.Context(), r)
	require.NoError(t, err)
	assert.True(t, again.NotModified)
	assert.Empty(t, again.Body)

	a.Revoke(leaf, revocation.ReasonUnspecified, time.Now())
	changed, err := a.Fetcher().Fetch(t.Context(), r)
	require.NoError(t, err)
	assert.False(t, changed.NotModified)
	assert.NotEqual(t, first.ETag, changed.ETag)
}

func TestTheFetcherReachesNothingElse(t *testing.T) {
	a, _, _ := start(t)
	other, _, _ := start(t)
	for _, u := range []string{other.CRLURL(7), "http://crl.nhs.uk/int/1c/crlc7.crl", a.URL + "0/crlc7.crl", a.URL} {
		_, err := fetch(a, revocation.Request{URL: u})
		assert.ErrorIs(t, err, revocation.ErrHostNotAllowed, u)
	}
	_, err := fetch(a, revocation.Request{URL: a.URL + "/nothing"})
	failure, ok := errors.AsType[*revocation.FetchError](err)
	require.True(t, ok)
	assert.Equal(t, http.StatusNotFound, failure.StatusCode)
	assert.Zero(t, other.Requests())

	_, err = fetch(a, revocation.Request{URL: a.CRLURL(7), MaxBytes: 10})
	assert.ErrorIs(t, err, revocation.ErrTooLarge)
}

func TestDocumentsAreMadeByTheAuthoritysClock(t *testing.T) {
	a, ca, leaf := start(t)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	a.Time = func() time.Time { return now }
	assert.Equal(t, now, list(t, a.CRL(7)).ThisUpdate)
	response, err := ocsp.ParseResponse(a.OCSP(leaf), ca)
	require.NoError(t, err)
	assert.Equal(t, now, response.ThisUpdate)

	now = now.Add(13 * time.Hour)
	assert.Equal(t, now, list(t, a.CRL(7)).ThisUpdate, "a list is made anew once half of its lifetime has passed")
}

func TestAnAuthorityServesManyAtOnce(t *testing.T) {
	a, ca, leaf := start(t)
	ask := question(t, leaf, ca, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			cert := *leaf
			cert.SerialNumber = big.NewInt(int64(1000 + i))
			a.Revoke(&cert, revocation.ReasonSuperseded, time.Time{})
		})
		wg.Go(func() {
			_, err := fetch(a, revocation.Request{URL: a.CRLURL(7)})
			assert.NoError(t, err)
		})
		wg.Go(func() {
			_, err := overHTTP(t.Context(), revocation.Request{URL: a.OCSPURL(), Body: ask})
			assert.NoError(t, err)
		})
		wg.Go(func() { a.Fail(revocationtest.None) })
		wg.Go(func() {
			m := a.NewMirror()
			m.Lag(time.Minute)
			m.Delay(time.Nanosecond)
			a.Publish()
		})
	}
	wg.Wait()
	assert.Len(t, serials(list(t, a.CRL(7))), 8)
	assert.Equal(t, 16, a.Requests())
}
