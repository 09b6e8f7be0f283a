// SPDX-License-Identifier: Apache-2.0

// Package rediscache keeps what is known about revocation in Redis, for a fleet of
// processes: what one of them has fetched, all know from their start. It is a module
// of its own, so that no other user depends on a Redis client.
//
//	client := redis.NewClient(&redis.Options{Addr: "cache:6379", ContextTimeoutEnabled: true})
//	cache := &rediscache.Cache{Client: client}
//	crls := &revocation.CRLs{Fetcher: fetcher, Cache: cache}
//
// # What Redis may lose
//
// An entry is one hash, a field for each document, so that Redis evicts and expires
// it as a whole, and two processes that merge at once are joined. After an eviction, a
// flush, a restart or the promotion of a replica that lacked the last writes, each
// living process puts back what it knows at its next look, within CRLs.Refresh. No
// check waits for a Redis that hangs for more than a second, and that once.
//
// # What a client of Redis can do that can write to it
//
// Everything that is read is verified again, so that it cannot forge. It can delete,
// and replay documents that a CA has once signed: a process that knows better keeps
// what it knows, and one that has just started sees what an attacker between it and
// the CA's server could have shown it too, namely older lists until they expire; about
// a CA with several lists without an issuingDistributionPoint see [revocation.Cache]. It
// can fill an entry; one of more than MaxBytes is not read. A client that can read learns
// which CAs and certificates are asked about. So: a user of its own with access to
// the prefix alone (ACL: ~nrlsecurity:* +hkeys +hexists +hstrlen +hgetall +hset +hdel +pexpire
// +eval +evalsha), TLS, and no way in from outside.
//
// What such a client has written stays. A field with an order that supersedes documents
// keeps these out of the entry, although no process accepts it; a document that a field
// has with other octets is put back as a second field by each process that knows it, at
// its next look. After such an access delete all keys under the prefix: each living
// process puts back what it knows.
package rediscache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A Cache is a [revocation.Cache] in Redis, 6.2 or later. Its fields must not change
// once it is used. It is safe for concurrent use.
type Cache struct {
	// Client is required. Its options should have ContextTimeoutEnabled: without it, a
	// request to a Redis that hangs ends by ReadTimeout alone.
	Client redis.UniversalClient

	Prefix   string        // of keys; empty: "nrlsecurity:"
	Lifetime time.Duration // of an entry, since a process last read it or merged into it; zero: 40 days
	MaxBytes int           // of an entry, beyond which it is not read, and lost when it is added to; zero: 128 MiB

	// Time is the clock by which superseded documents are dropped; nil: time.Now.
	Time func() time.Time
}

const (
	defaultPrefix   = "nrlsecurity:"
	defaultLifetime = 40 * 24 * time.Hour // longer than a list lasts that comes out monthly
	defaultMaxBytes = 128 << 20
	maxOrder        = 200 // octets, see revocation.Member

	// maxTries bounds how often a merge is tried that another one comes before.
	maxTries = 100
)

var errNoClient = errors.New("rediscache: Client is nil")

// ErrTooLarge is the error of an entry of more than MaxBytes.
var ErrTooLarge = errors.New("rediscache: the entry is too large")

// Get implements revocation.Cache, in one round trip.
func (c *Cache) Get(ctx context.Context, key string) ([]revocation.Member, error) {
	if c.Client == nil {
		return nil, errNoClient
	}
	reply, err := readEntry.Run(ctx, c.Client, []string{c.key(key)}, c.maxBytes(), c.lifetime().Milliseconds()).StringSlice()
	if err != nil {
		return nil, tooLarge(err)
	}
	var members []revocation.Member
	for i := 0; i+1 < len(reply); i += 2 {
		if m, ok := memberOf(reply[i]); ok {
			m.Bytes = []byte(reply[i+1])
			members = append(members, m)
		}
	}
	return members, nil
}

// readEntry returns the fields of an entry and has it live on, unless it is too large.
var readEntry = redis.NewScript(`
local size = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
	size = size + #field + redis.call('HSTRLEN', KEYS[1], field)
	if size > tonumber(ARGV[1]) then
		return redis.error_reply('TOOLARGE ' .. KEYS[1])
	end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])
`)

// readFields returns the names of the fields of an entry, unless it is too large.
var readFields = redis.NewScript(`
local size = 0
local fields = redis.call('HKEYS', KEYS[1])
for _, field in ipairs(fields) do
	size = size + #field + redis.call('HSTRLEN', KEYS[1], field)
	if size > tonumber(ARGV[1]) then
		return redis.error_reply('TOOLARGE ' .. KEYS[1])
	end
end
return fields
`)

// writeEntry adds fields to an entry and removes others, if those are still there by
// which that was decided. If the entry would be too large without the others, all of
// it goes: what it calls good the new fields may revoke.
var writeEntry = redis.NewScript(`
local adding, staying = tonumber(ARGV[3]), tonumber(ARGV[4])
local first = 5 + 2 * adding
for i = first, first + staying - 1 do
	if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then
		return 0
	end
end
if adding > 0 then
	local size = 0
	for i = 5, first - 1 do
		size = size + #ARGV[i]
	end
	local fields, leaving = redis.call('HKEYS', KEYS[1]), {}
	for i = first + staying, #ARGV do
		leaving[ARGV[i]] = true
	end
	for _, field in ipairs(fields) do
		if not leaving[field] then
			size = size + #field + redis.call('HSTRLEN', KEYS[1], field)
		end
	end
	if size > tonumber(ARGV[1]) then
		for _, field in ipairs(fields) do
			redis.call('HDEL', KEYS[1], field)
		end
		return redis.error_reply('TOOLARGE ' .. KEYS[1])
	end
end
for i = 5, first - 1, 2 do
	redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = first + staying, #ARGV do
	redis.call('HDEL', KEYS[1], ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`)

func tooLarge(err error) error {
	if strings.HasPrefix(err.Error(), "TOOLARGE") {
		return fmt.Errorf("%w: %s", ErrTooLarge, strings.TrimPrefix(err.Error(), "TOOLARGE "))
	}
	return err
}

// Merge implements revocation.Cache. It sends the documents that are not there, and
// what Join drops goes with the same script that adds what supersedes it.
func (c *Cache) Merge(ctx context.Context, key string, members ...revocation.Member) error {
	switch {
	case c.Client == nil:
		return errNoClient
	case len(members) == 0:
		return ctx.Err()
	}
	for _, m := range members {
		if len(m.Order) > maxOrder {
			return fmt.Errorf("rediscache: the order of a member has %d octets, want %d at most", len(m.Order), maxOrder)
		}
	}
	for range maxTries {
		if done, err := c.try(ctx, c.key(key), members); done || err != nil {
			return err
		}
	}
	return errors.New("rediscache: other processes came before each of a hundred tries to merge")
}

// try merges, unless another process changes the entry meanwhile.
func (c *Cache) try(ctx context.Context, key string, members []revocation.Member) (done bool, err error) {
	fields, err := readFields.Run(ctx, c.Client, []string{key}, c.maxBytes()).StringSlice()
	if err != nil {
		return false, tooLarge(err)
	}
	var there []revocation.Member // without their octets, which Join does not look at
	has := map[string]bool{}
	for _, field := range fields {
		has[field] = true
		if m, ok := memberOf(field); ok {
			there = append(there, m)
		}
	}
	content := map[string][]byte{}
	for _, m := range members {
		content[fieldOf(m)] = m.Bytes
	}
	kept := map[string]bool{}
	var add, stay, remove []any
	for _, m := range revocation.Join(c.now(), there, members) {
		field := fieldOf(m)
		if kept[field] = true; has[field] {
			stay = append(stay, field)
		} else {
			add = append(add, field, content[field])
		}
	}
	for _, m := range there {
		if field := fieldOf(m); !kept[field] {
			remove = append(remove, field)
		}
	}
	args := slices.Concat([]any{c.maxBytes(), c.lifetime().Milliseconds(), len(add) / 2, len(stay)}, add, stay, remove)
	written, err := writeEntry.Run(ctx, c.Client, []string{key}, args...).Int()
	if err != nil {
		return false, tooLarge(err)
	}
	return written == 1, nil
}

// fieldOf is the name of a member's field: its digest and its order.
func fieldOf(m revocation.Member) string { return string(m.Digest[:]) + m.Order }

func memberOf(field string) (m revocation.Member, ok bool) {
	if len(field) < sha256.Size || len(field) > sha256.Size+maxOrder {
		return m, false
	}
	copy(m.Digest[:], field)
	m.Order = field[sha256.Size:]
	return m, true
}

func (c *Cache) key(key string) string {
	if c.Prefix != "" {
		return c.Prefix + key
	}
	return defaultPrefix + key
}

func (c *Cache) lifetime() time.Duration {
	if c.Lifetime > 0 {
		return c.Lifetime
	}
	return defaultLifetime
}

func (c *Cache) maxBytes() int {
	if c.MaxBytes > 0 {
		return c.MaxBytes
	}
	return defaultMaxBytes
}

func (c *Cache) now() time.Time {
	if c.Time != nil {
		return c.Time()
	}
	return time.Now()
}
