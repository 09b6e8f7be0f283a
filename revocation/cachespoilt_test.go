// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// spoil changes an octet of each document under its name.
func (c *memoryCache) spoil() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, members := range c.entries {
		var spoilt []revocation.Member
		for _, m := range members {
			m.Bytes = append([]byte{m.Bytes[0] + 1}, m.Bytes[1:]...)
			spoilt = append(spoilt, m)
		}
		c.entries[key] = spoilt
	}
}

// What has other octets in the Cache than the document whose name it bears is there
// again after the next look of a process that knows the document, however often; and
// then nothing more is merged.
func TestSpoiltMembersOfTheCacheAreRestored(t *testing.T) {
	p := newOCSPPKI(t)
	lists := newCRLPKI(t)
	revoked := p.good()
	revoked.Answers[0] = p.answer(ocsp.Revoked)
	for name, c := range map[string]struct {
		source func(revocation.Cache) (source revocation.Source, run func(context.Context) error)
		query  revocation.Query
	}{
		"OCSP": {func(cache revocation.Cache) (revocation.Source, func(context.Context) error) {
			s := &revocation.OCSP{Cache: cache}
			return s, s.Run
		}, revocation.Query{Path: p.path(), Stapled: revoked.DER()}},
		"CRLs": {func(cache revocation.Cache) (revocation.Source, func(context.Context) error) {
			s := &revocation.CRLs{Cache: cache}
			require.NoError(t, s.Add(lists.ca.crl(leafSerial).DER()))
			return s, s.Run
		}, revocation.Query{Path: lists.leaf(t)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				cache := &memoryCache{}
				living, run := c.source(cache)
				defer running(t, run)()
				ask := func(s revocation.Source, q revocation.Query) revocation.Status {
					q.At = time.Now()
					a, _ := s.Status(t.Context(), q)
					synctest.Wait()
					return a.Status
				}
				require.Equal(t, revocation.Revoked, ask(living, c.query))
				for range 3 {
					cache.spoil()
					time.Sleep(2 * time.Hour)
					synctest.Wait()
					started := map[string]revocation.Source{"OCSP": &revocation.OCSP{Cache: cache}, "CRLs": &revocation.CRLs{Cache: cache}}[name]
					assert.Equal(t, revocation.Revoked, ask(started, revocation.Query{Path: c.query.Path}))
				}
				members := cache.members()
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				assert.Equal(t, members, cache.members())
			})
		})
	}
}
