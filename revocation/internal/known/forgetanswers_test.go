// SPDX-License-Identifier: Apache-2.0

package known_test

import (
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// aged is an answer by one responder about a certificate, so many hours old.
func aged(n int64, status ocsp.Status, hours int) *known.Reply {
	r := replyOf(1, status)
	r.Digest, r.Signed, r.Serial = numbered(int(n)), numbered(int(n)), big.NewInt(n)
	r.ThisUpdate, r.ProducedAt = now.Add(-time.Duration(hours)*time.Hour), now.Add(-time.Duration(hours)*time.Hour)
	return r
}

// serials returns the certificates of which something is known.
func serials(set *known.Answers) (serials []int64) {
	for _, r := range set.All() {
		serials = append(serials, r.Serial.Int64())
	}
	slices.Sort(serials)
	return slices.Compact(serials)
}

func TestEvictionIsOfWhatIsLeastMissed(t *testing.T) {
	t.Parallel()
	expired := aged(1, ocsp.Revoked, 5)
	expired.NotAfter = now.Add(-25 * time.Hour)
	notLong := aged(1, ocsp.Revoked, 5)
	notLong.NotAfter = now.Add(-23 * time.Hour)
	released := aged(1, ocsp.Good, 2)
	released.Digest, released.Signed = numbered(100), numbered(100)
	ahead := aged(1, ocsp.Good, -1)
	ahead.Digest, ahead.Signed = numbered(100), numbered(100)
	for name, c := range map[string]struct {
		replies []*known.Reply
		gone    int64
	}{
		"the oldest answer":                          {[]*known.Reply{aged(1, ocsp.Good, 2), aged(2, ocsp.Good, 3), aged(3, ocsp.Good, 1)}, 2},
		"not a revocation, though it is older":       {[]*known.Reply{aged(1, ocsp.Revoked, 9), aged(2, ocsp.Good, 3), aged(3, ocsp.Good, 4)}, 3},
		"a certificate that expired a day ago":       {[]*known.Reply{expired, aged(2, ocsp.Good, 3), aged(3, ocsp.Revoked, 4)}, 1},
		"not one that expired later":                 {[]*known.Reply{notLong, aged(2, ocsp.Good, 3), aged(3, ocsp.Revoked, 4)}, 2},
		"a revocation that was removed":              {[]*known.Reply{aged(1, ocsp.Revoked, 5), released, aged(2, ocsp.Revoked, 9), aged(3, ocsp.Revoked, 8)}, 1},
		"not while the answer has not begun":         {[]*known.Reply{aged(1, ocsp.Revoked, 5), ahead, aged(2, ocsp.Revoked, 9), aged(3, ocsp.Revoked, 8)}, 2},
		"of revocations the oldest":                  {[]*known.Reply{aged(1, ocsp.Revoked, 5), aged(2, ocsp.Revoked, 9), aged(3, ocsp.Revoked, 8)}, 2},
		"of revocations the oldest, which came last": {[]*known.Reply{aged(1, ocsp.Revoked, 5), aged(2, ocsp.Revoked, 8), aged(3, ocsp.Revoked, 9)}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set known.Answers
			set.Most = 3
			for _, r := range c.replies {
				set.Put(known.AnswerKey(pathOf(r.Serial.Int64())), r, now)
			}
			set.Put(known.AnswerKey(pathOf(4)), aged(4, ocsp.Good, 0), now)
			want := slices.DeleteFunc([]int64{1, 2, 3, 4}, func(n int64) bool { return n == c.gone })
			assert.Equal(t, want, serials(&set))
		})
	}
}

// A revocation that was forgotten for want of room must not come back as good by an
// answer from before it.
func TestForgottenRevocationIsNotClearedByAnOlderAnswer(t *testing.T) {
	t.Parallel()
	var set known.Answers
	set.Most = 2
	status := func(serial int64) known.Status { return set.Decide(pathOf(serial), now, time.Hour, trusting).Status }
	put := func(r *known.Reply) { set.Put(known.AnswerKey(pathOf(r.Serial.Int64())), r, now) }
	replay := aged(1, ocsp.Good, 6)
	replay.Digest, replay.Signed = numbered(100), numbered(100)
	put(aged(2, ocsp.Good, 6))
	require.Equal(t, known.StatusGood, status(2))
	before := set.Decide(pathOf(2), now, time.Hour, trusting)
	put(aged(1, ocsp.Revoked, 5))
	put(aged(3, ocsp.Revoked, 1)) // evicts the good answer about 2
	require.Equal(t, []int64{1, 3}, serials(&set))
	put(aged(4, ocsp.Revoked, 1)) // evicts the revocation of 1
	require.Equal(t, []int64{3, 4}, serials(&set))
	require.False(t, before.Dependencies.Unchanged())

	put(replay)
	assert.Equal(t, known.StatusUndecided, status(1))
	put(aged(2, ocsp.Good, 5))
	assert.Equal(t, known.StatusUndecided, status(2), "the answer may be about any certificate")
	fresh := aged(1, ocsp.Good, 0)
	put(fresh)
	assert.Equal(t, known.StatusGood, status(1))
}

// Nor by a later answer of another responder, which could not have removed it; that of
// the responder that had revoked can.
func TestForgottenRevocationIsClearedByItsOwnResponderAlone(t *testing.T) {
	t.Parallel()
	var set known.Answers
	set.Most = 2
	by := func(serial int64, key, number int, status ocsp.Status, hours int) {
		r := aged(serial, status, hours)
		r.Key, r.Digest, r.Signed = numbered(key), numbered(number), numbered(number)
		set.Put(known.AnswerKey(pathOf(serial)), r, now)
	}
	status := func(serial int64) known.Status { return set.Decide(pathOf(serial), now, time.Hour, trusting).Status }
	by(1, 1, 1, ocsp.Revoked, 9)
	by(2, 1, 2, ocsp.Revoked, 8)
	by(2, 2, 3, ocsp.Revoked, 7)
	by(3, 1, 4, ocsp.Revoked, 6) // evicts the revocation of 1
	by(4, 1, 5, ocsp.Revoked, 5) // and that of 2
	require.Equal(t, []int64{3, 4}, serials(&set))
	set.Most = 10

	by(1, 2, 6, ocsp.Good, 0)
	before := set.Decide(pathOf(1), now, time.Hour, trusting)
	assert.Equal(t, known.StatusUndecided, before.Status)
	assert.ErrorContains(t, errors.Join(before.Errs...), "another responder's revocation")
	by(5, 2, 7, ocsp.Good, 0)
	assert.Equal(t, known.StatusGood, status(5), "which was never revoked")
	by(1, 1, 8, ocsp.Good, 0)
	assert.Equal(t, known.StatusGood, status(1))
	for key := range 3 {
		by(2, 1+key, 9+key, ocsp.Good, 0)
		assert.Equal(t, known.StatusUndecided, status(2), "two had revoked it")
	}
}

func TestOneStatementIsKeptOnceWhateverCertificatesAreAroundIt(t *testing.T) {
	t.Parallel()
	var set known.Answers
	key := known.AnswerKey(pathOf(1))
	for n := range 10 {
		r := aged(1, ocsp.Good, 1)
		r.Digest = numbered(n)
		assert.Equal(t, n == 0, set.Put(key, r, now))
	}
	renewed := aged(1, ocsp.Good, 1)
	renewed.Digest, renewed.Responder = numbered(11), &x509.Certificate{Raw: []byte("renewed")}
	assert.True(t, set.Put(key, renewed, now), "another certificate of the responder's may be valid at another time")
	assert.Len(t, set.Under(key), 2)
}

func TestAnswersAboutOneCertificateAreBoundedInOctets(t *testing.T) {
	t.Parallel()
	var replies []*known.Reply
	for n := range 30 {
		r := aged(1, ocsp.Good, n)
		r.Digest, r.Raw = numbered(n), make([]byte, 60<<10)
		replies = append(replies, r)
	}
	revoked := aged(1, ocsp.Revoked, 100)
	revoked.Raw = make([]byte, 60<<10)
	left := known.BoundedReplies(append(replies, revoked))
	assert.Len(t, left, 17) // a mebibyte
	assert.Contains(t, left, revoked)
	assert.Contains(t, left, replies[0])
	assert.NotContains(t, left, replies[29])
}

// However many revocations one responder signs, they drop no other one's.
func TestRevocationsOfOneResponderDropNoneOfAnother(t *testing.T) {
	t.Parallel()
	replies := []*known.Reply{replyOf(0, ocsp.Revoked)}
	replies[0].ThisUpdate = now.AddDate(-1, 0, 0) // the oldest of all
	for n := range 1010 {
		r := aged(1, ocsp.Revoked, n)
		r.Key = numbered(1)
		replies = append(replies, r)
	}
	left := known.BoundedReplies(slices.Clone(replies))
	require.Len(t, left, 1000)
	assert.Contains(t, left, replies[0])
	assert.Contains(t, left, replies[1])
	assert.NotContains(t, left, replies[1010])
}

func TestEvictionSparesRevokedCertificates(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("puts in more lists than are kept")
	}
	const revoked, good = 50_000, 50_100 // a hundred more than there is room for
	var set known.Answers
	for n := range int64(revoked + good) {
		status := ocsp.Good
		if n < revoked {
			status = ocsp.Revoked
		}
		set.Put(known.AnswerKey(pathOf(n)), replyOf(1, status), time.Time{})
	}
	left := map[ocsp.Status]int{}
	for _, r := range set.All() {
		left[r.Status]++
	}
	assert.Equal(t, map[ocsp.Status]int{ocsp.Revoked: revoked, ocsp.Good: good - 100}, left)
}

func TestAnswersAboutOneCertificateAreBoundedAndRevocationsStay(t *testing.T) {
	t.Parallel()
	replies := []*known.Reply{replyOf(0, ocsp.Revoked)}
	replies[0].ThisUpdate = now.AddDate(-1, 0, 0) // the oldest of all
	oldest := replyOf(1, ocsp.Good)
	oldest.ThisUpdate = now.AddDate(0, -1, 0)
	replies = append(replies, oldest)
	for n := 2; n <= 1000; n++ {
		replies = append(replies, replyOf(n, ocsp.Good))
	}
	left := known.BoundedReplies(replies)
	require.Len(t, left, 1000)
	assert.Contains(t, left, replies[0])
	assert.NotContains(t, left, oldest)
}

func TestUnknownDoesNotForgetTheGoodAnswerThatTookARevocationBack(t *testing.T) {
	t.Parallel()
	path := pathOf(1)
	answered := func(digest int, status ocsp.Status, age, produced time.Duration) *known.Reply {
		r := replyOf(1, status)
		r.Digest, r.Signed = numbered(digest), numbered(digest)
		r.ThisUpdate, r.ProducedAt = now.Add(-age), now.Add(-age+produced)
		return r
	}
	var set known.Answers
	for _, r := range []*known.Reply{
		answered(1, ocsp.Revoked, 72*time.Hour, 0),
		answered(2, ocsp.Good, 71*time.Hour, time.Hour), // as a responder answers that goes by a CRL
		answered(3, ocsp.Unknown, 48*time.Hour, 0),
	} {
		set.Put(known.AnswerKey(path), r, now)
	}
	assert.Equal(t, known.StatusUndecided, set.Decide(path, now, time.Hour, trusting).Status)
	assert.Len(t, set.All(), 3)
	set.Put(known.AnswerKey(path), answered(4, ocsp.Good, 47*time.Hour, time.Hour), now)
	assert.Len(t, set.All(), 2, "the later good answer takes back as much, and ends the unknown one")
}

func TestRevokedCertificatesAreBoundedToo(t *testing.T) {
	t.Parallel()
	var set known.Answers
	set.Most = 10
	for n := range int64(20) {
		set.Put(known.AnswerKey(pathOf(n)), replyOf(1, ocsp.Revoked), time.Time{})
		require.Len(t, set.Under(known.AnswerKey(pathOf(n))), 1)
	}
	require.Equal(t, 10, set.Keys())
}

// An eviction between the steps of a decision must not leave it resting on what
// does not change any more.
func TestDecisionsMadeDuringEvictionsHeedWhatComesLater(t *testing.T) {
	t.Parallel()
	var set known.Answers
	set.Most = 1
	path := pathOf(1)
	good := replyOf(1, ocsp.Good)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50_000 {
			set.Put(known.AnswerKey(path), good, time.Time{})
			set.Put(known.AnswerKey(pathOf(2)), good, time.Time{}) // evicts it
		}
	}()
	var made []*known.AnswerVerdict
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
			made = append(made, set.Decide(path, now, time.Hour, trusting))
		}
	}
	set.Put(known.AnswerKey(path), replyOf(1, ocsp.Revoked), time.Time{})
	for _, v := range made {
		require.False(t, v.Dependencies.Unchanged())
	}
}

// An answer does not count before producedAt, and what it supersedes does until then:
// without the second answer the first one would decide.
func TestAnswerProducedAheadMakesNothingForgottenBeforeItCounts(t *testing.T) {
	t.Parallel()
	for _, status := range []ocsp.Status{ocsp.Good, ocsp.Unknown} {
		first, unknown, ahead := aged(1, ocsp.Good, 72), aged(1, ocsp.Unknown, 48), aged(1, status, 26)
		first.NextUpdate = now.Add(7 * 24 * time.Hour)
		unknown.Digest, unknown.Signed = numbered(101), numbered(101)
		ahead.Digest, ahead.Signed = numbered(102), numbered(102)
		ahead.ProducedAt = now.Add(24 * time.Hour)
		ahead.NextUpdate = now.Add(7 * 24 * time.Hour)

		var set known.Answers
		key := known.AnswerKey(pathOf(1))
		var members []known.Member
		for _, r := range []*known.Reply{first, unknown, ahead} {
			set.Put(key, r, now)
			order := r.Order()
			members = known.Join(now, members, []known.Member{{Order: order.String(), Digest: r.Digest}})
		}
		assert.Len(t, members, 3)
		assert.Equal(t, known.StatusUndecided, set.Decide(pathOf(1), now, time.Hour, trusting).Status)

		counts := ahead.ProducedAt
		want := map[ocsp.Status]known.Status{ocsp.Good: known.StatusGood, ocsp.Unknown: known.StatusUndecided}[status]
		assert.Equal(t, want, set.Decide(pathOf(1), counts, time.Hour, trusting).Status)
		dayLater := counts.Add(24 * time.Hour)
		set.Put(key, replyOf(2, ocsp.Unknown), dayLater) // so that it is decided what to remember
		left := map[ocsp.Status]int{ocsp.Good: 1, ocsp.Unknown: 2}[status]
		assert.Len(t, known.Join(dayLater, members, nil), left)
		assert.Equal(t, want, set.Decide(pathOf(1), dayLater, time.Hour, trusting).Status)
	}
}

// A responder that signs in advance did not know of a revocation that came later, so
// that its good answer neither takes that back nor makes it forgotten.
func TestAnswerSignedInAdvanceTakesNoRevocationBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		signed time.Duration // before thisUpdate
		want   known.Status
	}{
		"in advance":  {time.Second, known.StatusRevoked},
		"at the time": {0, known.StatusGood},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			revoked, good := aged(1, ocsp.Revoked, 72), aged(1, ocsp.Good, 48)
			good.ProducedAt = good.ThisUpdate.Add(-test.signed)
			good.NextUpdate = now.Add(7 * 24 * time.Hour)
			good.Digest, good.Signed = numbered(102), numbered(102)
			var set known.Answers
			key := known.AnswerKey(pathOf(1))
			var members []known.Member
			for _, r := range []*known.Reply{revoked, good} {
				set.Put(key, r, now)
				order := r.Order()
				members = known.Join(now, members, []known.Member{{Order: order.String(), Digest: r.Digest}})
			}
			assert.Equal(t, test.want, set.Decide(pathOf(1), now, time.Hour, trusting).Status)
			assert.Len(t, set.All(), 2)
			assert.Len(t, members, 2)
		})
	}
}
