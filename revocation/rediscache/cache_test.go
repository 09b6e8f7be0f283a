// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/rediscache"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestRedisIsACache(t *testing.T) {
	s := startRedis(t)
	require.NoError(t, revocationtest.TestCache(func() revocation.Cache { return &rediscache.Cache{Client: s.client()} }))
}

func TestEntriesHaveALifetimeThatUseProlongs(t *testing.T) {
	s := startRedis(t)
	client := s.client()
	c := &rediscache.Cache{Client: client, Prefix: "p:", Lifetime: time.Hour}
	m := revocation.Member{Order: "o", Digest: sha256.Sum256([]byte("m")), Bytes: []byte("m")}
	require.NoError(t, c.Merge(t.Context(), "k", m))
	left := func() time.Duration {
		d, err := client.PTTL(t.Context(), "p:k").Result()
		require.NoError(t, err)
		return d
	}
	assert.Greater(t, left(), 50*time.Minute)
	for _, use := range []func() error{
		func() error { return c.Merge(t.Context(), "k", m) },
		func() error { _, err := c.Get(t.Context(), "k"); return err },
	} {
		require.NoError(t, client.PExpire(t.Context(), "p:k", time.Minute).Err())
		require.NoError(t, use())
		assert.Greater(t, left(), 50*time.Minute)
	}
}

func TestEntriesAreBounded(t *testing.T) {
	s := startRedis(t)
	client := s.client()
	c := &rediscache.Cache{Client: client, MaxBytes: 1000}
	of := func(b byte, n int) revocation.Member {
		content := bytes.Repeat([]byte{b}, n)
		return revocation.Member{Order: "o", Digest: sha256.Sum256(content), Bytes: content}
	}
	require.NoError(t, c.Merge(t.Context(), "k", of(1, 500)))
	require.NoError(t, client.HSet(t.Context(), "nrlsecurity:k", "by another program", bytes.Repeat([]byte{3}, 1000)).Err())
	_, err := c.Get(t.Context(), "k")
	require.ErrorIs(t, err, rediscache.ErrTooLarge)

	long := of(1, 1)
	long.Order = string(bytes.Repeat([]byte{'o'}, 201))
	assert.Error(t, c.Merge(t.Context(), "l", long))
}

func TestWhatIsNoMemberIsPassedOver(t *testing.T) {
	s := startRedis(t)
	client := s.client()
	c := &rediscache.Cache{Client: client}
	m := revocation.Member{Order: "o", Digest: sha256.Sum256([]byte("m")), Bytes: []byte("m")}
	require.NoError(t, client.HSet(t.Context(), "nrlsecurity:k", "short", "x").Err())
	require.NoError(t, c.Merge(t.Context(), "k", m))
	members, err := c.Get(t.Context(), "k")
	require.NoError(t, err)
	assert.Equal(t, []revocation.Member{m}, members)
	require.NoError(t, client.Set(t.Context(), "nrlsecurity:text", "of another type", 0).Err())
	_, err = c.Get(t.Context(), "text")
	assert.Error(t, err)
	assert.Error(t, c.Merge(t.Context(), "text", m))
}

func TestWithoutAClient(t *testing.T) {
	var c rediscache.Cache
	_, err := c.Get(t.Context(), "k")
	require.Error(t, err)
	require.Error(t, c.Merge(t.Context(), "k", revocation.Member{}))
}
