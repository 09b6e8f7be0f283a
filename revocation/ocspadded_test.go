// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

func TestAddedResponsesAreBounded(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{}
	m := p.good()
	m.BrokenSignature = true
	der := m.DER()
	for range 1000 {
		require.NoError(t, s.Add(der))
	}
	_, err := s.Status(t.Context(), p.query())
	var joined interface{ Unwrap() []error }
	require.ErrorAs(t, err, &joined)
	assert.LessOrEqual(t, len(joined.Unwrap()), 16, "forgeries that are kept")
}

func TestForgedResponsesPushOutNoRevocation(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{}
	require.NoError(t, s.Add(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), time.Hour).DER()))
	for n := range 15 {
		m := stateAt(p, ocsp.Good, ocspNow.Add(-time.Duration(n)*time.Second), time.Hour)
		m.BrokenSignature = true
		require.NoError(t, s.Add(m.DER()))
	}
	require.NoError(t, s.Add(stateAt(p, ocsp.Good, ocspNow.Add(-time.Hour), 10*time.Hour).DER())) // played back
	a, _ := s.Status(t.Context(), p.query())
	assert.NotEqual(t, revocation.Good, a.Status)
}

func TestForgedRevocationsPushOutNoneThatWasAdded(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{}
	require.NoError(t, s.Add(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), time.Hour).DER()))
	var err error
	for n := range 16 {
		require.NoError(t, err)
		m := stateAt(p, ocsp.Revoked, ocspNow.Add(time.Duration(n)*time.Second), time.Hour)
		m.Answers[0].Reason = revocation.ReasonCertificateHold
		m.BrokenSignature = true
		other := m.Answers[0]
		other.Serial = big.NewInt(int64(n + 1))
		m.Answers = append(m.Answers, other)
		err = s.Add(m.DER())
	}
	require.ErrorIs(t, err, revocation.ErrTooLarge)
	require.ErrorAs(t, err, new(*revocation.OCSPError))
	require.Equal(t, 17, s.State().Unverified, "what it says of other certificates is kept")
	require.NoError(t, s.Add(stateAt(p, ocsp.Good, ocspNow, time.Hour).DER()))
	a, err := s.Status(t.Context(), p.query())
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, a.Status)
	require.Equal(t, revocation.ReasonUnspecified, a.Revocation.Reason)
}

func TestAddedResponsesThatHaveRunOutMakeRoom(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{}
	for n := range 20 {
		m := stateAt(p, ocsp.Good, ocspNow.AddDate(0, -1, 0), time.Hour)
		one := m.Answers[0]
		m.Answers = nil
		for i := range 500 {
			one.Serial = big.NewInt(int64(1_000_000 + 500*n + i))
			m.Answers = append(m.Answers, one)
		}
		require.NoError(t, s.Add(m.DER()))
	}
	require.NoError(t, s.Add(p.good().DER()))
	_, err := s.Status(t.Context(), p.query())
	assert.NoError(t, err)
}

func TestAddedResponsesAreBoundedInOctets(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{Time: clock}
	// What comes with a response is not read before the signature is verified.
	padding := &x509.Certificate{Raw: append([]byte{0x30, 0x82, 0xf0, 0}, make([]byte, 0xf000)...)}
	key := testca.ECDSA()
	large := func(serial int64, status int, until time.Duration) []byte {
		m := stateAt(p, status, ocspNow.Add(-time.Hour), until)
		m.Key, m.Certificates, m.Answers[0].Serial = key, []*x509.Certificate{padding}, big.NewInt(serial)
		return m.DER()
	}
	require.NoError(t, s.Add(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), time.Hour).DER()))
	octets, serial := 0, int64(0)
	add := func(status int, until time.Duration) error {
		serial++
		der := large(serial, status, until)
		err := s.Add(der)
		if err == nil {
			octets += len(der)
		}
		return err
	}
	require.NoError(t, add(ocsp.Good, time.Minute)) // it has run out
	again := large(1_000_000, ocsp.Revoked, 2*time.Hour)
	require.NoError(t, s.Add(again))
	var err error
	for err == nil {
		require.Less(t, octets, 80<<20)
		err = add(ocsp.Revoked, 2*time.Hour)
	}
	require.ErrorIs(t, err, revocation.ErrTooLarge)
	require.ErrorAs(t, err, new(*revocation.OCSPError))
	assert.InDelta(t, 64<<20, octets, 2<<16)
	require.ErrorIs(t, s.Add(large(7, ocsp.Good, 2*time.Hour)), revocation.ErrTooLarge, "nor beside another one")
	require.NoError(t, s.Add(again), "it is there already")

	a, err := s.Status(t.Context(), p.query())
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, a.Status, "what was there has not been lost")
}

// Octets are counted once for each response, and no more when none of its serial
// numbers is left.
func TestAddedResponsesThatAreVerifiedMakeRoom(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{Time: clock}
	padding := &x509.Certificate{Raw: append([]byte{0x30, 0x82, 0xf0, 0}, make([]byte, 0xf000)...)}
	m := p.good()
	m.Certificates = []*x509.Certificate{padding}
	der := m.DER()
	for n := range 1200 {
		require.NoError(t, s.Add(der), n)
		a, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
	}
}
