// SPDX-License-Identifier: Apache-2.0

package known_test

import (
	"crypto/x509"
	"encoding/binary"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// pathOf is a certificate and its issuer, as far as answers are about them.
func pathOf(serial int64) []*x509.Certificate {
	return []*x509.Certificate{{SerialNumber: big.NewInt(serial)}, {RawSubject: []byte("CA"), RawSubjectPublicKeyInfo: []byte("key")}}
}

// numbered is an array that differs from one number to the next.
func numbered(n int) (a [32]byte) {
	binary.BigEndian.PutUint32(a[:], uint32(n))
	return a
}

// replyOf is an answer by a responder of its own, an hour old.
func replyOf(responder int, status ocsp.Status) *known.Reply {
	return &known.Reply{Answer: &ocsp.Answer{
		Status: status, Key: numbered(responder), Digest: numbered(responder), Signed: numbered(responder),
		ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour), ProducedAt: now.Add(-time.Hour),
	}}
}

// trusting trusts every responder.
var trusting = known.Trust{Responder: func([]*x509.Certificate, *x509.Certificate, bool) (error, bool) { return nil, false }}

func TestAnotherResponderReleasesAHoldOnlyOnceItHasExpired(t *testing.T) {
	t.Parallel()
	var set known.Answers
	path := pathOf(1)
	hold, good := replyOf(1, ocsp.Revoked), replyOf(2, ocsp.Good)
	hold.Reason = der.ReasonCertificateHold
	good.ThisUpdate, good.ProducedAt, good.NextUpdate = now, now, now.Add(2*time.Hour)
	set.Put(known.AnswerKey(path), hold, time.Time{})
	set.Put(known.AnswerKey(path), good, time.Time{})
	assert.Equal(t, known.StatusRevoked, set.Decide(path, hold.NextUpdate, time.Hour, trusting).Status)
	assert.Equal(t, known.StatusGood, set.Decide(path, hold.NextUpdate.Add(time.Second), time.Hour, trusting).Status)
}

func TestLaterGoodAnswerOfAResponderEndsItsEarlierOne(t *testing.T) {
	t.Parallel()
	earlier, later := replyOf(1, ocsp.Good), replyOf(1, ocsp.Good)
	later.ThisUpdate, later.ProducedAt, later.Digest = now.Add(-time.Minute), now.Add(-time.Minute), numbered(2)
	later.Signed = later.Digest
	later.NextUpdate = now.Add(-time.Second) // while the earlier one would still be current
	path := pathOf(1)
	var set known.Answers
	set.Put(known.AnswerKey(path), earlier, time.Time{})
	set.Put(known.AnswerKey(path), later, time.Time{})
	v := set.Decide(path, now, time.Hour, trusting)
	assert.Equal(t, known.StatusUndecided, v.Status)
	assert.Equal(t, later.NextUpdate, v.Expires) // as where the earlier one is forgotten
	assert.Equal(t, known.StatusGood, set.Decide(path, later.NextUpdate, time.Hour, trusting).Status)
	beforehand := later.ThisUpdate.Add(-known.ClockTolerance - time.Second)
	assert.Equal(t, known.StatusGood, set.Decide(path, beforehand, time.Hour, trusting).Status)
}

func TestQuestionsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	var answers known.Answers
	v := answers.Decide(pathOf(1), now, time.Hour, trusting)
	require.Zero(t, answers.Keys())
	require.True(t, v.Dependencies.Unchanged())
	answers.Put(known.AnswerKey(pathOf(1)), replyOf(1, ocsp.Good), time.Time{})
	require.False(t, v.Dependencies.Unchanged())

	p := newPKI(t)
	var lists known.Lists
	d, err := lists.Decide(p.path, nil, now, time.Time{})
	require.NoError(t, err)
	require.Empty(t, p.underPoint(t, &lists))
	require.Zero(t, lists.Keys())
	require.True(t, d.Dependencies.Unchanged())
	p.offer(t, &lists, revocationtest.CRL{ThisUpdate: now.Add(-time.Hour), Scope: scopeOf(pointURL)}, time.Time{})
	require.False(t, d.Dependencies.Unchanged())
}
