// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid/sds"
)

// A party is a simulated directory of systems that share a party key.
type party struct {
	fqdn      atomic.Pointer[string]
	down      atomic.Bool // for the question of the party key only
	questions atomic.Int32
}

func (p *party) answer(_ context.Context, q sds.Question) (sds.Entries, error) {
	p.questions.Add(1)
	if q.Children {
		if p.down.Load() {
			return nil, errors.New("the directory is down")
		}
		return sds.Entries{{"nhsMHSPartyKey": {"YGM24-820388"}, "nhsMhsFQDN": {*p.fqdn.Load()}}}, nil
	}
	digits := strings.TrimPrefix(strings.TrimSuffix(q.Base, ","+sds.DefaultBase), "uniqueIdentifier=")
	return sds.Entries{{"uniqueIdentifier": {digits}, "nhsIDCode": {"RR8"}, "nhsMHSPartyKey": {"YGM24-820388"}}}, nil
}

func (p *party) rename(name string) { p.fqdn.Store(&name) }

func TestAnFQDNIsNoLongerUsedThanItsSystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		directory := new(party)
		directory.rename("old.nhs.uk")
		registry := &sds.LDAP{Cache: sds.Caching{MaxAge: 5 * time.Minute}}
		registry.Simulate(directory.answer)
		lookup(t, registry, rr8ID)
		directory.rename("new.nhs.uk")
		time.Sleep(4 * time.Minute)
		assert.Equal(t, []string{"old.nhs.uk"}, lookup(t, registry, rxaID).FQDNs, "it is not yet too old")
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"new.nhs.uk"}, lookup(t, registry, rxaID).FQDNs)
	})
}

func TestAStaleFQDNIsNoLongerUsedThanMaxStaleSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		directory := new(party)
		directory.rename("old.nhs.uk")
		registry := &sds.LDAP{Cache: sds.Caching{MaxAge: 5 * time.Minute, MaxStale: 5 * time.Minute, RetryAfter: 10 * time.Second}}
		registry.Simulate(directory.answer)
		lookup(t, registry, rr8ID)
		directory.down.Store(true)
		time.Sleep(9 * time.Minute)
		lookup(t, registry, rxaID)
		asked := directory.questions.Load()
		lookup(t, registry, rxaID)
		assert.Equal(t, asked, directory.questions.Load(), "a stale answer is used again for RetryAfter")
		time.Sleep(61 * time.Second)
		_, err := registry.Lookup(t.Context(), rxaID)
		var trouble *sds.Error
		require.ErrorAs(t, err, &trouble)
	})
}

func TestAMaxStaleWithoutEndIsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		directory := new(party)
		directory.rename("old.nhs.uk")
		registry := &sds.LDAP{Cache: sds.Caching{MaxStale: math.MaxInt64}}
		registry.Simulate(func(ctx context.Context, q sds.Question) (sds.Entries, error) {
			if down.Load() {
				return nil, errors.New("the directory is down")
			}
			return directory.answer(ctx, q)
		})
		lookup(t, registry, rr8ID)
		down.Store(true)
		time.Sleep(1000 * time.Hour)
		lookup(t, registry, rr8ID)
	})
}
