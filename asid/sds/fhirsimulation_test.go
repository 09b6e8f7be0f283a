// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

// simulatedInteraction is the only one of the simulated systems that is asked about;
// each has another one that names its version.
const simulatedInteraction = asid.DocumentReferenceCreate

// A service is the FHIR service in front of a world: an outage of the directory is
// an empty Bundle, other trouble is a 500, a 429 or no answer.
type service struct {
	*world
	sent []time.Time
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.sent = append(s.sent, time.Now())
	s.mu.Unlock()
	latency := time.Duration(20+s.chance(200)) * time.Millisecond
	if s.troubleAt(time.Now()) == lagging {
		latency = time.Duration(1+s.chance(30)) * time.Second
	}
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	standIn := new(sdstest.FHIR)
	switch s.troubleAt(time.Now()) {
	case down:
		standIn.Fail([]sdstest.Fault{sdstest.Failing, sdstest.Unavailable, sdstest.TooMany, sdstest.TooManyFor, sdstest.OtherRequest}[s.chance(5)])
	case blind:
		standIn.Fail(sdstest.Empty)
	}
	// Each ASID has an organisation, whose code ends in its last digits, in which
	// another system is assured for the same.
	d := sdstest.Directory{AS: []sdstest.AS{canaryAS}}
	_, code, _ := strings.Cut(r.URL.Query().Get("organization"), "|")
	var i int
	if n, _ := fmt.Sscanf(code, "S%d", &i); n == 1 {
		for _, id := range []asid.ID{simulatedID((i + 1) % simulatedASIDs), simulatedID(i)} {
			if n := s.version(id, time.Now()); n >= 0 && s.history[id][n].exists {
				d.AS = append(d.AS, sdstest.AS{ASID: id.String(), ODS: code, Interactions: []string{
					string(simulatedInteraction), fmt.Sprintf("urn:nhs:v-%s:%d", id, n),
				}})
			}
		}
	}
	standIn.SetDirectory(d)
	w := httptest.NewRecorder()
	standIn.ServeHTTP(w, r)
	return w.Result(), nil
}

// busiest returns the largest number of requests in any minute.
func (s *service) busiest() int {
	most, first := 0, 0
	for last := range s.sent {
		for s.sent[last].Sub(s.sent[first]) >= time.Minute {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func TestSimulatedFHIRService(t *testing.T) {
	t.Parallel()
	// Over 2 s: a hundred thousand look-ups for each policy.
	if testing.Short() {
		t.Skip("simulates hours")
	}
	for name, policy := range map[string]sds.Caching{
		"the defaults":       {MaxAge: 5 * time.Minute, MaxUnknownAge: 30 * time.Second, RetryAfter: 15 * time.Second},
		"with stale answers": {MaxAge: 2 * time.Minute, MaxUnknownAge: 30 * time.Second, RetryAfter: 10 * time.Second, MaxStale: 10 * time.Minute},
		"with a small cache": {MaxAge: 5 * time.Minute, MaxUnknownAge: time.Minute, RetryAfter: 15 * time.Second, MaxEntries: 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulateService(t, 1, policy) })
		})
	}
}

func simulateService(t *testing.T, seed uint64, policy sds.Caching) {
	s := &service{world: newWorld(seed)}
	const timeout = 8 * time.Second
	registry := &sds.FHIR{
		URL: "https://sds.nhs.uk", APIKey: apiKey, Canary: theCanary, Timeout: timeout, Cache: policy,
		Client: &http.Client{Transport: s},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running, calling sync.WaitGroup
	running.Go(func() { _ = registry.Run(ctx) })
	var mu sync.Mutex
	var found, unknown, failed int
	const each = simulatedLookups / simulatedCallers
	for range simulatedCallers {
		calling.Go(func() {
			for range each {
				time.Sleep(time.Duration(s.chance(int(2*simulatedHour/each/time.Microsecond))) * time.Microsecond)
				i := min(s.chance(simulatedASIDs), s.chance(simulatedASIDs))
				id := simulatedID(i)
				began := time.Now()
				sys, err := registry.LookupSender(ctx, asid.Sender{ASID: id, Organization: ods(fmt.Sprintf("S%d", i)), Interaction: simulatedInteraction})
				mu.Lock()
				switch {
				case err == nil:
					found++
					require.Len(t, sys.Interactions, 2)
					// judge knows systems by the interaction that names the version.
					shown := *sys
					shown.Interactions = sys.Interactions[1:]
					sys = &shown
				case errors.Is(err, asid.ErrNotFound):
					unknown++
				default:
					failed++
				}
				mu.Unlock()
				// Over FHIR the pace alone can keep a look-up from being answered.
				if err == nil || errors.Is(err, asid.ErrNotFound) {
					s.judge(policy, timeout, id, began, sys, err)
				}
			}
		})
	}
	calling.Wait()
	cancel()
	running.Wait()
	t.Logf("seed %d: %d found, %d unknown, %d could not tell; %d requests, at most %d a minute", seed, found, unknown, failed, len(s.sent), s.busiest())
	require.Empty(t, s.wrong)
	assert.LessOrEqual(t, s.busiest(), 300)
	assert.Positive(t, found)
	assert.Positive(t, unknown)
	assert.Positive(t, failed)
}

// The directory has an update as a patch only, so that it takes five requests to find the
// system again; one that makes up ASIDs has as many wait as may.
func TestMadeUpASIDsDelayNoUpdateOfAKnownSystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		patch := string(asid.DocumentReferencePatch)
		standIn := new(sdstest.FHIR)
		standIn.SetDirectory(sdstest.Directory{
			AS:  []sdstest.AS{canaryAS, {ASID: rr8ID.String(), ODS: "RR8", PartyKey: "YGM24-820388", Interactions: []string{patch}}},
			MHS: []sdstest.MHS{{ODS: "RR8", PartyKey: "YGM24-820388", Interaction: patch, FQDN: "one.nhs.uk"}},
		})
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			if err := r.Context().Err(); err != nil {
				return nil, err
			}
			w := httptest.NewRecorder()
			standIn.ServeHTTP(w, r)
			return w.Result(), nil
		})}
		registry := &sds.FHIR{URL: "https://sds.nhs.uk", APIKey: apiKey, Canary: theCanary, Client: client}
		ask := func(ctx context.Context, id asid.ID) error {
			_, err := registry.LookupSender(ctx, asid.Sender{ASID: id, Organization: ods("RR8"), Interaction: asid.DocumentReferenceUpdate})
			return err
		}
		require.NoError(t, ask(t.Context(), rr8ID))
		left, leave := context.WithCancel(t.Context())
		leave()
		for i := range 20 * 12 * 60 { // twenty a second, for longer than two MaxAges
			require.Error(t, ask(left, mustID(fmt.Sprintf("3%011d", i))))
			if i%20 == 0 {
				require.NoError(t, ask(t.Context(), rr8ID), "after %v", time.Duration(i)*50*time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Minute) // until nothing waits
	})
}
