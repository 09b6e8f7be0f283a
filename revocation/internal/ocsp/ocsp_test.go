// SPDX-License-Identifier: Apache-2.0

package ocsp_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xocsp "golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

var now = time.Date(2025, time.June, 1, 12, 0, 0, 0, time.UTC)

type party struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func issue(t testing.TB, name string, by *party, change func(*x509.Certificate)) *party {
	t.Helper()
	key := testca.ECDSA()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(name)) + 100), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
	}
	if change != nil {
		change(template)
	}
	issuer := &party{template, key}
	if by != nil {
		issuer = by
	}
	return &party{testca.Sign(template, issuer.cert, &key.PublicKey, issuer.key), key}
}

func newCA(t testing.TB, name string) *party {
	return issue(t, name, nil, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
}

// answer reads a response of one answer that is changed, and asks it about serial
// 7 of the CA.
func answer(t *testing.T, ca *party, change func(*revocationtest.OCSPResponse, *revocationtest.SingleResponse)) (*ocsp.Answer, error) {
	t.Helper()
	r := revocationtest.OCSPResponse{Issuer: ca.cert, Key: ca.key, ProducedAt: now}
	s := revocationtest.SingleResponse{Serial: big.NewInt(7), NextUpdate: now.Add(time.Hour)}
	change(&r, &s)
	r.Answers = append([]revocationtest.SingleResponse{s}, r.Answers...)
	issuer, ok := ocsp.NewIssuer(ca.cert)
	require.True(t, ok)
	parsed, err := ocsp.Parse(r.DER(), "test")
	if err != nil {
		return nil, err
	}
	return parsed.Answer(issuer, []byte{7})
}

func TestAnswersOfTheCA(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "CA")
	type response = revocationtest.OCSPResponse
	type single = revocationtest.SingleResponse
	a, err := answer(t, ca, func(*response, *single) {})
	require.NoError(t, err)
	assert.Equal(t, ocsp.Good, a.Status)
	assert.Equal(t, now, a.ThisUpdate)
	assert.Equal(t, now.Add(time.Hour), a.NextUpdate)
	assert.Nil(t, a.Responder)
	assert.True(t, a.NoCheck)
	assert.Equal(t, sha256.Sum256(ca.cert.RawSubjectPublicKeyInfo), a.Key)

	a, err = answer(t, ca, func(_ *response, s *single) { s.Status, s.Reason, s.RevokedAt = xocsp.Revoked, 6, now.Add(-time.Hour) })
	require.NoError(t, err)
	assert.Equal(t, ocsp.Revoked, a.Status)
	assert.Equal(t, der.ReasonCertificateHold, a.Reason)
	assert.Equal(t, now.Add(-time.Hour), a.RevokedAt)

	a, err = answer(t, ca, func(_ *response, s *single) { s.Status = xocsp.Unknown })
	require.NoError(t, err)
	assert.Equal(t, ocsp.Unknown, a.Status, "a signed answer, which ends an older good")
}

// Responders that answer by both hashes answer once; anything else that comes
// twice is refused unless it revokes.
func TestTwoAnswersAboutOneCertificate(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "CA")
	type response = revocationtest.OCSPResponse
	type single = revocationtest.SingleResponse
	for _, test := range []struct {
		name   string
		second single
		want   ocsp.Status // 0: malformed
	}{
		{"the same by SHA-256", single{Hash: crypto.SHA256, NextUpdate: now.Add(time.Hour)}, ocsp.Good},
		{"the same by SHA-1 again", single{NextUpdate: now.Add(time.Hour)}, 0},
		{"with another nextUpdate by SHA-256", single{Hash: crypto.SHA256, NextUpdate: now.Add(2 * time.Hour)}, 0},
		{"with another thisUpdate by SHA-256", single{Hash: crypto.SHA256, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}, 0},
		{"revoked by SHA-256", single{Hash: crypto.SHA256, Status: xocsp.Revoked, NextUpdate: now.Add(time.Hour)}, ocsp.Revoked},
		{"unknown by SHA-256", single{Hash: crypto.SHA256, Status: xocsp.Unknown, NextUpdate: now.Add(time.Hour)}, 0},
	} {
		test.second.Serial = big.NewInt(7)
		a, err := answer(t, ca, func(r *response, _ *single) { r.Answers = []single{test.second} })
		if test.want == 0 {
			assert.ErrorIs(t, err, der.ErrMalformed, test.name)
		} else if assert.NoError(t, err, test.name) {
			assert.Equal(t, test.want, a.Status, test.name)
		}
	}
}

// Real responders write the default version.
func TestVersionWrittenOut(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "CA")
	for version, want := range map[byte]bool{0: true, 1: false} {
		_, err := answer(t, ca, func(r *revocationtest.OCSPResponse, _ *revocationtest.SingleResponse) {
			r.Edit = func(tbs []byte) []byte {
				header := 2 + int(tbs[1]&0x7f)*int(tbs[1]>>7)
				content := append([]byte{0xa0, 3, 2, 1, version}, tbs[header:]...)
				return append([]byte{0x30, 0x81, byte(len(content))}, content...)
			}
		})
		if want {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, der.ErrMalformed)
		}
	}
}

func TestDelegatedResponders(t *testing.T) {
	t.Parallel()
	ca, other := newCA(t, "CA"), newCA(t, "other CA")
	signing := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }
	nocheck := pkix.Extension{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}
	for _, test := range []struct {
		name   string
		by     *party
		change func(*x509.Certificate)
		kind   error
		check  bool
	}{
		{"authorised", ca, signing, nil, true},
		{"authorised, with nocheck", ca, func(c *x509.Certificate) { signing(c); c.ExtraExtensions = []pkix.Extension{nocheck} }, nil, false},
		{"without the purpose", ca, nil, der.ErrResponder, false},
		{"for any purpose", ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, der.ErrResponder, false},
		{"whose key encrypts", ca, func(c *x509.Certificate) { signing(c); c.KeyUsage = x509.KeyUsageKeyEncipherment }, der.ErrResponder, false},
		{"of another CA", other, signing, der.ErrResponder, false},
		{"with an unknown critical extension", ca, func(c *x509.Certificate) {
			signing(c)
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, der.ErrUnhandledCritical, false},
	} {
		responder := issue(t, "responder", test.by, test.change)
		a, err := answer(t, ca, func(r *revocationtest.OCSPResponse, _ *revocationtest.SingleResponse) {
			r.Responder, r.Key = responder.cert, responder.key
		})
		if test.kind != nil {
			assert.ErrorIs(t, err, test.kind, test.name)
			continue
		}
		if assert.NoError(t, err, test.name) {
			assert.Equal(t, responder.cert, a.Responder, test.name)
			assert.Equal(t, !test.check, a.NoCheck, test.name)
		}
	}
}

// What is not signed by the responder that it names, not about the certificate of this CA, or
// not wholly understood, is refused.
func TestAnswersThatDoNotCount(t *testing.T) {
	t.Parallel()
	type response = revocationtest.OCSPResponse
	type single = revocationtest.SingleResponse
	ca, other := newCA(t, "CA"), newCA(t, "other CA")
	signing := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }
	responder := issue(t, "responder", ca, signing)
	ofNamesake := issue(t, "responder", newCA(t, "CA"), signing)
	renamed := *other.cert
	renamed.PublicKey = ca.key.Public()
	ofOtherName := issue(t, "responder", &party{&renamed, ca.key}, signing)
	critical := []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	for _, test := range []struct {
		name   string
		change func(*response, *single)
		kind   error
	}{
		{"a broken signature of the CA", func(r *response, _ *single) { r.BrokenSignature = true }, der.ErrSignature},
		{"a broken signature of a responder", func(r *response, _ *single) {
			r.Responder, r.Key, r.BrokenSignature = responder.cert, responder.key, true
		}, der.ErrSignature},
		{"a responder of a CA with the same name and another key", func(r *response, _ *single) {
			r.Responder, r.Key = ofNamesake.cert, ofNamesake.key
		}, der.ErrResponder},
		{"a responder of a CA with the same key and another name", func(r *response, _ *single) {
			r.Responder, r.Key = ofOtherName.cert, ofOtherName.key
		}, der.ErrResponder},
		{"the CA's signature under another name", func(r *response, _ *single) {
			r.Responder, r.Certificates = other.cert, []*x509.Certificate{}
		}, der.ErrSignature},
		{"the CA's signature under another key", func(r *response, _ *single) {
			r.Responder, r.ByKey, r.Certificates = other.cert, true, []*x509.Certificate{}
		}, der.ErrSignature},
		{"a responder's signature under another name", func(r *response, _ *single) {
			r.Responder, r.Key, r.Certificates = other.cert, responder.key, []*x509.Certificate{responder.cert}
		}, der.ErrSignature},
		{"a responder's signature under another key", func(r *response, _ *single) {
			r.Responder, r.ByKey, r.Key, r.Certificates = other.cert, true, responder.key, []*x509.Certificate{responder.cert}
		}, der.ErrSignature},
		{"the hash of another issuer's name", func(_ *response, s *single) { s.NameHash = make([]byte, 20) }, der.ErrScope},
		{"the hash of another issuer's key", func(_ *response, s *single) { s.KeyHash = make([]byte, 20) }, der.ErrScope},
		{"another serial number", func(_ *response, s *single) { s.Serial = big.NewInt(8) }, der.ErrScope},
		{"nextUpdate before thisUpdate", func(_ *response, s *single) { s.NextUpdate = now.Add(-time.Second) }, der.ErrMalformed},
		{"an unknown critical extension of the answer", func(_ *response, s *single) { s.Extensions = critical }, der.ErrUnhandledCritical},
		{"an unknown critical extension of the response", func(r *response, _ *single) { r.Extensions = critical }, der.ErrUnhandledCritical},
		{"two nonces", func(r *response, _ *single) {
			r.Nonce, r.Extensions = []byte{1}, []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: []byte{4, 1, 2}}}
		}, der.ErrMalformed},
		{"nine certificates", func(r *response, _ *single) {
			for range 9 {
				r.Certificates = append(r.Certificates, responder.cert)
			}
		}, der.ErrMalformed},
		{"more octets than are read", func(r *response, _ *single) { r.Nonce = make([]byte, ocsp.MaxBytes) }, der.ErrTooLarge},
	} {
		_, err := answer(t, ca, test.change)
		assert.ErrorIs(t, err, test.kind, test.name)
	}
}

// A critical nocheck waives as one that is not does, and one that is not NULL
// waives nothing.
func TestNoCheck(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "CA")
	for _, test := range []struct {
		critical, waives bool
		value            []byte
	}{{true, true, []byte{5, 0}}, {false, false, []byte{4, 0}}} {
		responder := issue(t, "responder", ca, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Critical: test.critical, Value: test.value}}
		})
		a, err := answer(t, ca, func(r *revocationtest.OCSPResponse, _ *revocationtest.SingleResponse) {
			r.Responder, r.Key = responder.cert, responder.key
		})
		require.NoError(t, err)
		assert.Equal(t, test.waives, a.NoCheck)
	}
}

func TestErrorStatus(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "CA")
	_, err := answer(t, ca, func(r *revocationtest.OCSPResponse, _ *revocationtest.SingleResponse) { r.Status = xocsp.Malformed })
	require.ErrorIs(t, err, der.ErrResponder)
	require.ErrorIs(t, err, ocsp.MalformedRequest)
	_, ok := errors.AsType[*der.Error](err)
	assert.True(t, ok)
	assert.ErrorContains(t, err, "malformedRequest")
}

func TestRequests(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "CA")
	leaf := issue(t, "leaf", ca, nil)
	request, err := ocsp.NewRequest(leaf.cert, ca.cert)
	require.NoError(t, err)
	get, ok := ocsp.GetURL("http://ocsp.nhs.uk/ocsp", request)
	assert.True(t, ok)
	assert.LessOrEqual(t, len(get), 255)
	for _, responder := range []string{"http://ocsp.nhs.uk/?x", "http://" + string(bytes.Repeat([]byte("a"), 200)) + "/"} {
		_, ok := ocsp.GetURL(responder, request)
		assert.False(t, ok, responder)
	}
	with, value, err := ocsp.WithNonce(request, make([]byte, ocsp.NonceBytes))
	require.NoError(t, err)
	assert.True(t, bytes.Contains(with, value))
	parsed, err := xocsp.ParseRequest(with)
	require.NoError(t, err)
	assert.Equal(t, leaf.cert.SerialNumber, parsed.SerialNumber)
	_, _, err = ocsp.WithNonce([]byte{5, 0}, nil)
	assert.ErrorIs(t, err, der.ErrMalformed)
}

// SHA-1 names issuers in OCSP; a process that enforces FIPS 140-3 asks all the
// same.
func TestSHA1NamesUnderEnforcedFIPS(t *testing.T) {
	t.Parallel()
	if os.Getenv("OCSP_TEST_FIPS") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "OCSP_TEST_FIPS=1", "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	ca := newCA(t, "CA")
	leaf := issue(t, "leaf", ca, nil)
	_, ok := ocsp.NewIssuer(ca.cert)
	assert.True(t, ok)
	_, err := ocsp.NewRequest(leaf.cert, ca.cert)
	assert.NoError(t, err)
}

func FuzzParse(f *testing.F) {
	ca := newCA(f, "CA")
	f.Add(revocationtest.OCSPResponse{Issuer: ca.cert, Key: ca.key, Answers: []revocationtest.SingleResponse{{Serial: big.NewInt(7)}}}.DER())
	f.Add([]byte{0x30, 3, 10, 1, 3})
	issuer, _ := ocsp.NewIssuer(ca.cert)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ocsp.Parse(data, "fuzz")
		if err != nil {
			if _, ok := errors.AsType[*der.Error](err); !ok {
				t.Fatalf("%T", err)
			}
			return
		}
		r.Serials()
		r.Answer(issuer, []byte{7})
		// Strict DER: nothing may follow.
		if _, err := ocsp.Parse(append(bytes.Clone(data), 0), "fuzz"); err == nil {
			t.Fatal("something behind it was taken")
		}
	})
}
