// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation/rediscache"
)

// One of two processes has a mirror that lags: what the other one knows reaches it, at
// its next look and from its next start on, whatever its own mirror goes on serving.
func TestProcessBehindALaggingMirrorLearnsFromAnother(t *testing.T) {
	s, f := startRedis(t), newFleet(t)
	cache := func() *rediscache.Cache { return &rediscache.Cache{Client: s.client()} }
	lagging := mirror(f.list(1, false))
	behind := f.process(cache(), lagging)
	require.NoError(t, f.check(behind))
	ahead := f.process(cache(), mirror(f.list(2, true)))
	eventually(t, "the one ahead refuses", func() bool { return f.refuses(ahead) }) // it has read the older list
	// It merges beside its checks, and the one behind reads Redis once at its next look.
	eventually(t, "Redis has it", func() bool { return f.refuses(f.process(cache(), nil)) })
	f.nextLook()
	eventually(t, "the one ahead refuses", func() bool { return f.refuses(ahead) })
	eventually(t, "the one behind refuses", func() bool { return f.refuses(behind) })
	eventually(t, "one that reads only refuses", func() bool { return f.refuses(f.process(cache(), nil)) })
	for range 3 {
		f.nextLook()
		assert.True(t, f.refuses(behind))
		assert.True(t, f.refuses(f.process(cache(), lagging)), "restarted")
	}
}

// What Redis loses a living process puts back at its next look.
func TestWhatRedisLosesComesBack(t *testing.T) {
	var replica *server
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, s *server)
		lose    func(t *testing.T, s *server) (address string)
	}{
		{"flushed", nil, func(t *testing.T, s *server) string {
			require.NoError(t, s.client().FlushAll(t.Context()).Err())
			return s.address
		}},
		{"killed and started again", nil, func(_ *testing.T, s *server) string {
			s.kill()
			s.start()
			return s.address
		}},
		{"a replica that lacks the last writes is promoted", func(t *testing.T, s *server) {
			host, port, err := net.SplitHostPort(s.address)
			require.NoError(t, err)
			replica = startRedis(t, "--replicaof", host, port)
			require.NoError(t, s.client().Set(t.Context(), "before", "written", 0).Err())
			client := replica.client()
			eventually(t, "it is replicated", func() bool { return client.Get(t.Context(), "before").Val() == "written" })
			host, port, err = net.SplitHostPort(testenv.FreeAddress(t)) // from now on nothing reaches it
			require.NoError(t, err)
			require.NoError(t, client.ReplicaOf(t.Context(), host, port).Err())
		}, func(t *testing.T, s *server) string {
			s.kill()
			client := replica.client()
			eventually(t, "it is promoted", func() bool { return client.ReplicaOf(t.Context(), "NO", "ONE").Err() == nil })
			return replica.address
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, f := startRedis(t), newFleet(t)
			if test.prepare != nil {
				test.prepare(t, s)
			}
			var address atomic.Pointer[string]
			address.Store(&s.address)
			cache := func() *rediscache.Cache {
				return &rediscache.Cache{Client: clientOf(t, func() string { return *address.Load() })}
			}
			reader := func() bool { return f.refuses(f.process(cache(), nil)) }
			living := f.process(cache(), mirror(f.list(1, true)))
			require.True(t, f.refuses(living))
			eventually(t, "it is in Redis", reader)

			now := test.lose(t, s)
			address.Store(&now)
			require.False(t, reader(), "nothing was lost")
			require.True(t, f.refuses(living))
			f.nextLook()
			eventually(t, "it is back", func() bool { return f.refuses(living) && reader() })
		})
	}
}

// A field in the name of a document keeps it out, until the keys are deleted.
func TestWhatAWriterReplacedComesBackOnceTheKeysAreDeleted(t *testing.T) {
	s, f := startRedis(t), newFleet(t)
	client := s.client()
	cache := func() *rediscache.Cache { return &rediscache.Cache{Client: s.client()} }
	living := f.process(cache(), mirror(f.list(1, true)))
	reader := func() bool { return f.refuses(f.process(cache(), nil)) }
	require.True(t, f.refuses(living))
	eventually(t, "it is in Redis", reader)

	keys, err := client.Keys(t.Context(), "nrlsecurity:*").Result()
	require.NoError(t, err)
	for _, key := range keys {
		fields, err := client.HKeys(t.Context(), key).Result()
		require.NoError(t, err)
		for _, field := range fields {
			require.NoError(t, client.HSet(t.Context(), key, field, "no list").Err())
		}
	}
	require.Error(t, f.check(f.process(cache(), nil)), "accepted by what is no list")
	require.False(t, reader())
	require.NoError(t, client.Del(t.Context(), keys...).Err())
	f.nextLook()
	eventually(t, "it is back", func() bool { return f.refuses(living) && reader() })
}

// With a Redis that hangs a process answers by what it fetches, and when Redis goes on
// it is told.
func TestRedisThatHangs(t *testing.T) {
	s, f := startRedis(t), newFleet(t)
	client := s.client()
	s.signal(syscall.SIGSTOP)
	living := f.process(&rediscache.Cache{Client: client}, mirror(f.list(1, true)))
	require.True(t, f.refuses(living))
	for range 3 {
		f.nextLook()
		require.True(t, f.refuses(living))
	}
	s.signal(syscall.SIGCONT)
	eventually(t, "it is in Redis", func() bool {
		f.nextLook()
		return f.refuses(living) && f.refuses(f.process(&rediscache.Cache{Client: s.client()}, nil))
	})
}

// A process that starts while the CA's server cannot be reached serves by what
// another one has fetched.
func TestWarmStart(t *testing.T) {
	s, f := startRedis(t), newFleet(t)
	cache := func() *rediscache.Cache { return &rediscache.Cache{Client: s.client()} }
	require.NoError(t, f.check(f.process(cache(), mirror(f.list(1, false)))))
	eventually(t, "a process that starts is warm", func() bool { return f.check(f.process(cache(), mirror(nil))) == nil })
}
