// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/rediscache"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// lists is a Cache that keeps what a source merges, for its Orders.
type lists struct {
	mu  sync.Mutex
	all []revocation.Member
}

func (l *lists) Get(context.Context, string) ([]revocation.Member, error) { return nil, nil }

func (l *lists) Merge(_ context.Context, _ string, members ...revocation.Member) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = revocation.Join(time.Time{}, l.all, members)
	return nil
}

// hourly returns the lists of a CA that publishes one an hour, the latest last.
func hourly(t *testing.T, n int, latest time.Time) (members []revocation.Member) {
	f := newFleet(t)
	l := &lists{}
	source := &revocation.CRLs{Cache: l, Issuers: []*x509.Certificate{f.ca}}
	for i := range n {
		list := revocationtest.CRL{Issuer: f.ca, Key: f.key, Number: int64(i + 1), ThisUpdate: latest.Add(time.Duration(i+1-n) * time.Hour), NextUpdate: latest.Add(time.Hour)}
		raw := list.DER()
		require.NoError(t, source.Add(raw))
		eventually(t, "the list is merged", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, m := range l.all {
				if bytes.Equal(m.Bytes, raw) {
					members = append(members, m)
					return true
				}
			}
			return false
		})
	}
	return members
}

// What a list supersedes makes room for it.
func TestAnEntryThatIsFullTakesWhatSupersedes(t *testing.T) {
	s := startRedis(t)
	now := time.Now().Truncate(time.Second)
	all := hourly(t, 30, now)
	size := 0
	for _, m := range all[:25] {
		size += len(m.Order) + len(m.Digest) + len(m.Bytes)
	}
	clock := now
	c := &rediscache.Cache{Client: s.client(), MaxBytes: size + 100, Time: func() time.Time { return clock }}
	for i, m := range all {
		clock = now.Add(time.Duration(i+1-len(all)) * time.Hour)
		require.NoError(t, c.Merge(t.Context(), "k", m), i)
	}
	members, err := c.Get(t.Context(), "k")
	require.NoError(t, err)
	assert.Contains(t, members, all[29])
	assert.NotContains(t, members, all[0])
}

// An entry to which nothing can be added would call good what later lists revoke.
func TestAnEntryThatCannotTakeWhatIsNewIsLost(t *testing.T) {
	s := startRedis(t)
	c := &rediscache.Cache{Client: s.client(), MaxBytes: 1000}
	of := func(b byte, n int) revocation.Member {
		content := bytes.Repeat([]byte{b}, n)
		return revocation.Member{Order: "o", Digest: sha256.Sum256(content), Bytes: content}
	}
	require.NoError(t, c.Merge(t.Context(), "k", of(1, 500)))
	require.ErrorIs(t, c.Merge(t.Context(), "k", of(2, 500)), rediscache.ErrTooLarge)
	members, err := c.Get(t.Context(), "k")
	require.NoError(t, err)
	assert.Empty(t, members)
	require.NoError(t, c.Merge(t.Context(), "k", of(2, 500)))
}

// Who can write to Redis can fill an entry with any number of names.
func TestNamesBeyondMaxBytesAreNotRead(t *testing.T) {
	s := startRedis(t)
	client := s.client()
	c := &rediscache.Cache{Client: client, MaxBytes: 1000}
	for i := range 200 {
		require.NoError(t, client.HSet(t.Context(), "nrlsecurity:k", fmt.Sprintf("field %d", i), "x").Err())
	}
	seen := &replies{}
	client.AddHook(seen)
	m := revocation.Member{Order: "o", Digest: sha256.Sum256([]byte("m")), Bytes: []byte("m")}
	require.ErrorIs(t, c.Merge(t.Context(), "k", m), rediscache.ErrTooLarge)
	assert.Less(t, seen.most(), 100, "values in one answer")
}
