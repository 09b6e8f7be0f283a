// SPDX-License-Identifier: Apache-2.0

package known_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestAnswerIsForgottenADayAfterItsSuccessorHasBegun(t *testing.T) {
	t.Parallel()
	var set known.Answers
	key := known.AnswerKey(pathOf(1))
	put := func(n int, age, later time.Duration) int {
		r := replyOf(1, ocsp.Good)
		r.Digest, r.Signed, r.ThisUpdate, r.ProducedAt = numbered(n), numbered(n), now.Add(-age), now.Add(-age)
		set.Put(key, r, now.Add(later))
		return len(set.Under(key))
	}
	require.Equal(t, 1, put(1, time.Hour, 0))
	require.Equal(t, 2, put(2, 0, 0))
	require.Equal(t, 3, put(3, -time.Hour, 24*time.Hour-time.Second))
	require.Equal(t, 3, put(4, -2*time.Hour, 24*time.Hour), "the first is superseded by one that began a day ago")
}

func TestAnotherListReleasesAHoldOnlyOnceItHasExpired(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	var set known.Lists
	end := now.Add(time.Hour)
	p.offer(t, &set, revocationtest.CRL{
		ThisUpdate: now.Add(-2 * time.Hour), NextUpdate: end, Scope: scopeOf(pointURL, "http://crl.example/old"),
		Entries: entries(leafSerial, revocation.ReasonCertificateHold),
	}, time.Time{})
	p.offer(t, &set, revocationtest.CRL{ThisUpdate: now.Add(-time.Hour), NextUpdate: end.Add(time.Hour), Scope: scopeOf(pointURL)}, time.Time{})
	assert.Equal(t, known.StatusRevoked, p.status(t, &set, end))
	assert.Equal(t, known.StatusGood, p.status(t, &set, end.Add(time.Second)))
}
