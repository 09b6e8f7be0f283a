// SPDX-License-Identifier: Apache-2.0

package known_test

import (
	"crypto/x509"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// delegatedTo is a certificate of a delegated responder.
func delegatedTo(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		Raw: []byte(name), SerialNumber: big.NewInt(serial), RawIssuer: []byte("CA"),
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
	}
}

// answerBy is an answer by a responder, so many hours old, with a number of its own.
func answerBy(responder *x509.Certificate, key, number int, status ocsp.Status, reason der.Reason, hours int) *known.Reply {
	r := aged(1, status, hours)
	r.Responder, r.Key, r.Reason, r.NoCheck = responder, numbered(key), reason, true
	r.Digest, r.Signed = numbered(number), numbered(number)
	r.NextUpdate = now.AddDate(0, 1, 0)
	return r
}

// distrusting trusts every responder but for the keys of some certificates.
func distrusting(certs ...*x509.Certificate) known.Trust {
	return known.Trust{Responder: func(_ []*x509.Certificate, cert *x509.Certificate, _ bool) (error, bool) {
		for _, distrusted := range certs {
			if cert.Equal(distrusted) {
				return &der.Error{Kind: der.ErrResponder, Detail: "revoked"}, true
			}
		}
		return nil, false
	}}
}

// A good answer of a key that is not to be trusted removes no revocation, not even of
// the key's own, which stands until a later answer of another key clears the
// certificate.
func TestTaintedResponderTakesNothingBack(t *testing.T) {
	t.Parallel()
	stolen, other := delegatedTo("stolen", 77), delegatedTo("other", 78)
	revoked := answerBy(stolen, 1, 1, ocsp.Revoked, der.ReasonKeyCompromise, 72)
	takesBack := answerBy(stolen, 1, 2, ocsp.Good, 0, 48)
	holds := answerBy(stolen, 1, 3, ocsp.Revoked, der.ReasonCertificateHold, 47)
	holds.NextUpdate = now.Add(-time.Hour)
	older, later := answerBy(other, 2, 4, ocsp.Good, 0, 73), answerBy(other, 2, 5, ocsp.Good, 0, 46)
	path, key := pathOf(1), known.AnswerKey(pathOf(1))
	for name, forgetting := range map[string]time.Time{"before a day": now.Add(-24 * time.Hour), "after a day": now} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set known.Answers
			for _, r := range []*known.Reply{revoked, takesBack, older} {
				set.Put(key, r, forgetting)
			}
			assert.Equal(t, known.StatusGood, set.Decide(path, now, time.Hour, trusting).Status, "the key is trusted")
			assert.Equal(t, known.StatusRevoked, set.Decide(path, now, time.Hour, distrusting(stolen)).Status)
			set.Put(key, holds, forgetting)
			assert.Equal(t, known.StatusRevoked, set.Decide(path, now, time.Hour, distrusting(stolen)).Status)
			set.Put(key, later, now)
			assert.Equal(t, known.StatusGood, set.Decide(path, now, time.Hour, distrusting(stolen)).Status)
		})
	}
}

// That a key is not to be trusted is so whichever of its certificates comes with an
// answer, and also a day after the last answer with the one that is revoked.
func TestKeyOfAResponderIsTaintedByAnyOfItsCertificates(t *testing.T) {
	t.Parallel()
	revoked, renewed := delegatedTo("revoked", 77), delegatedTo("renewed", 78)
	var set known.Answers
	path, key := pathOf(1), known.AnswerKey(pathOf(1))
	set.Put(key, answerBy(renewed, 1, 1, ocsp.Good, 0, 47), now)
	before := set.Decide(path, now, time.Hour, distrusting(revoked))
	assert.Equal(t, known.StatusGood, before.Status)
	set.Put(known.AnswerKey(pathOf(2)), answerBy(revoked, 1, 2, ocsp.Good, 0, 48), now)
	assert.False(t, before.Dependencies.Unchanged())
	assert.Equal(t, known.StatusUndecided, set.Decide(path, now, time.Hour, distrusting(revoked)).Status)
	assert.Equal(t, known.StatusGood, set.Decide(path, now, time.Hour, trusting).Status)
}

// What a responder says of another responder is removed only if it may be trusted
// itself.
func TestTaintedResponderDoesNotClearAnotherResponder(t *testing.T) {
	t.Parallel()
	stolen, accused := delegatedTo("stolen", 77), delegatedTo("accused", 78)
	var set known.Answers
	about := known.AnswerKey(pathOf(78))
	set.Put(known.AnswerKey(pathOf(1)), answerBy(accused, 2, 1, ocsp.Good, 0, 1), now)
	set.Put(about, answerBy(stolen, 1, 2, ocsp.Revoked, der.ReasonKeyCompromise, 3), now)
	set.Put(about, answerBy(stolen, 1, 3, ocsp.Good, 0, 2), now)
	assert.Equal(t, known.StatusGood, set.Decide(pathOf(1), now, time.Hour, trusting).Status)
	assert.Equal(t, known.StatusUndecided, set.Decide(pathOf(1), now, time.Hour, distrusting(stolen)).Status)
}

// Two responders of which each says that the other is not to be trusted come to an
// end, and neither clears.
func TestRespondersThatAccuseOneAnother(t *testing.T) {
	t.Parallel()
	one, two := delegatedTo("one", 77), delegatedTo("two", 78)
	var set known.Answers
	set.Put(known.AnswerKey(pathOf(1)), answerBy(one, 1, 1, ocsp.Good, 0, 1), now)
	set.Put(known.AnswerKey(pathOf(1)), answerBy(two, 2, 2, ocsp.Good, 0, 1), now)
	set.Put(known.AnswerKey(pathOf(77)), answerBy(two, 2, 3, ocsp.Revoked, der.ReasonKeyCompromise, 3), now)
	set.Put(known.AnswerKey(pathOf(78)), answerBy(one, 1, 4, ocsp.Revoked, der.ReasonKeyCompromise, 3), now)
	assert.Equal(t, known.StatusUndecided, set.Decide(pathOf(1), now, time.Hour, trusting).Status)
	set.Put(known.AnswerKey(pathOf(77)), answerBy(two, 2, 5, ocsp.Good, 0, 2), now)
	set.Put(known.AnswerKey(pathOf(78)), answerBy(one, 1, 6, ocsp.Good, 0, 2), now)
	assert.Equal(t, known.StatusGood, set.Decide(pathOf(1), now, time.Hour, trusting).Status, "both have taken it back")
	assert.Equal(t, known.StatusUndecided, set.Decide(pathOf(1), now, time.Hour, distrusting(one)).Status, "one cannot")
}

// Of one responder's revocations the latest that has begun counts, at once and a day
// later.
func TestLaterHoldOfAResponderTakesThePlaceOfItsRevocation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signed time.Duration // before thisUpdate
		want   known.Status
	}{
		"at the time": {0, known.StatusGood},
		"in advance":  {time.Second, known.StatusRevoked},
	} {
		for _, horizon := range []time.Time{now.Add(-24 * time.Hour), now} {
			t.Run(name+" "+horizon.String(), func(t *testing.T) {
				t.Parallel()
				var set known.Answers
				revoked, hold := answerBy(nil, 1, 1, ocsp.Revoked, der.ReasonSuperseded, 72), answerBy(nil, 1, 2, ocsp.Revoked, der.ReasonCertificateHold, 48)
				hold.ProducedAt = hold.ThisUpdate.Add(-c.signed)
				hold.NextUpdate = now.Add(-time.Hour)
				for _, r := range []*known.Reply{revoked, hold, answerBy(nil, 2, 3, ocsp.Good, 0, 47)} {
					set.Put(known.AnswerKey(pathOf(1)), r, horizon)
				}
				assert.Equal(t, c.want, set.Decide(pathOf(1), now, time.Hour, trusting).Status)
			})
		}
	}
}

// Forgetting changes no decision, whichever key turns out not to be trusted.
func TestForgettingAnswersChangesNoDecision(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	responders := []*x509.Certificate{delegatedTo("one", 77), delegatedTo("two", 78)}
	trusts := []known.Trust{trusting, distrusting(responders[0]), distrusting(responders[1]), distrusting(responders...)}
	reasons := []der.Reason{der.ReasonCertificateHold, der.ReasonSuperseded, der.ReasonKeyCompromise}
	path, key := pathOf(1), known.AnswerKey(pathOf(1))
	histories := 20_000
	switch {
	case testing.Short():
		histories = 400
	case os.Getenv("CI") == "":
		histories = 5000
	}
	for range histories {
		var all, less known.Answers
		for n := range 1 + r.IntN(7) {
			by := r.IntN(2)
			reply := answerBy(responders[by], 1+by, n, ocsp.Good+ocsp.Status(r.IntN(3)), reasons[r.IntN(3)], 12*r.IntN(8))
			reply.ProducedAt = reply.ThisUpdate.Add(time.Duration(r.IntN(3)-1) * time.Hour)
			reply.NextUpdate = reply.ThisUpdate.Add(time.Duration(1+r.IntN(8)) * 12 * time.Hour)
			all.Put(key, reply, time.Time{})
			less.Put(key, reply, now)
		}
		for _, trust := range trusts {
			for _, at := range []time.Time{now.Add(-24 * time.Hour), now, now.Add(24 * time.Hour)} {
				want, got := all.Decide(path, at, time.Hour, trust), less.Decide(path, at, time.Hour, trust)
				require.Equal(t, want.Status, got.Status, "%v", all.All())
			}
		}
	}
}
