// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
)

const collection = "https://" + nrlName + "/STU3/DocumentReference"

// An event is a change that was answered with success.
type event struct {
	change string
	id     string // of the pointer that was created, updated or deleted
	old    string // of the one that was superseded
}

// A racer is one of many clients that change the same pointers at once.
type racer struct {
	provider, consumer *http.Client
	random             *rand.Rand
	events             []event
	refused            int
}

// newClient calls the server on port as the system, over a TLS connection that
// no other client has.
func newClient(t *testing.T, files *exampletest.Files, port, fqdn, id, ods string) *http.Client {
	config, err := files.PKI.Endpoint(fqdn, nrlName).ClientConfig()
	require.NoError(t, err)
	code, err := asid.ParseODSCode(ods)
	require.NoError(t, err)
	base := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}}
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: &asid.Transport{
		From: asid.MustParseID(id), To: asid.MustParseID("999999999999"), Base: base,
		Claims: asid.Claims{Organization: code, User: "111222333444"},
	}}
}

// send returns the status, the Location and the body.
func send(t *testing.T, c *http.Client, method, url, body, ifMatch string) (status int, location string, answer []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Accept", "application/fhir+json")
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	if ifMatch != "" {
		r.Header.Set("If-Match", ifMatch)
	}
	resp, err := c.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header.Get("Location"), answer
}

// patients have one chain of pointers each.
func patients() []string {
	return []string{"9000000009", "9000000017", "9000000025", "9000000033"}
}

func of(nhsNumber, replaces string) string {
	return strings.ReplaceAll(reference("RR8", replaces), "9000000009", nhsNumber)
}

func (c *racer) create(t *testing.T, nhsNumber string) {
	status, location, answer := send(t, c.provider, http.MethodPost, collection, of(nhsNumber, ""), "")
	require.Equal(t, http.StatusCreated, status, "%s", answer)
	c.events = append(c.events, event{change: "create", id: path.Base(location)})
}

// current asks for a patient's pointers.
func (c *racer) current(t *testing.T, nhsNumber string) (ids []string) {
	subject := "https://demographics.spineservices.nhs.uk/STU3/Patient/" + nhsNumber
	status, _, answer := send(t, c.consumer, http.MethodGet, collection+"?subject="+url.QueryEscape(subject), "", "")
	require.Equal(t, http.StatusOK, status, "%s", answer)
	var bundle struct {
		Entry []struct {
			Resource struct{ ID, Status string }
		}
	}
	require.NoError(t, json.Unmarshal(answer, &bundle), "%s", answer)
	for _, e := range bundle.Entry {
		assert.Equal(t, "current", e.Resource.Status)
		ids = append(ids, e.Resource.ID)
	}
	return ids
}

// act makes one change to what is, or was a moment ago, a patient's pointer.
func (c *racer) act(t *testing.T, nhsNumber string) {
	ids := c.current(t, nhsNumber)
	assert.LessOrEqual(t, len(ids), 1, "two current pointers of one chain")
	if len(ids) == 0 {
		return // the next one is about to be created
	}
	id := ids[0]
	switch c.random.IntN(4) {
	case 0, 1:
		if status, location, _ := send(t, c.provider, http.MethodPost, collection, of(nhsNumber, id), ""); status == http.StatusCreated {
			c.events = append(c.events, event{change: "supersede", id: path.Base(location), old: id})
			return
		}
	case 2:
		if status, _, _ := send(t, c.provider, http.MethodPatch, collection+"/"+id, enteredInError, ""); status == http.StatusOK {
			c.events = append(c.events, event{change: "update", id: id})
			c.create(t, nhsNumber)
			return
		}
	default:
		// Only while it is current, which every pointer is in its first version.
		if status, _, _ := send(t, c.provider, http.MethodDelete, collection+"/"+id, "", `W/"1"`); status == http.StatusOK {
			c.events = append(c.events, event{change: "delete", id: id})
			c.create(t, nhsNumber)
			return
		}
	}
	c.refused++
}

func TestManyClientsChangeTheSamePointers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("has many clients make hundreds of requests")
	}
	const clients, rounds = 64, 20
	files := exampletest.NewFiles(t)
	port := start(t, files)
	racers := make([]*racer, clients)
	for n := range racers {
		racers[n] = &racer{
			provider: newClient(t, files, port, "rr8.nhs.uk", "200000000205", "RR8"),
			consumer: newClient(t, files, port, "rgd.nhs.uk", "928942012545", "RGD"),
			random:   rand.New(rand.NewPCG(7, uint64(n))),
		}
	}
	for _, p := range patients() {
		racers[0].create(t, p)
	}
	var all sync.WaitGroup
	begin := make(chan struct{})
	for _, c := range racers {
		all.Go(func() {
			<-begin
			for range rounds {
				list := patients()
				c.act(t, list[c.random.IntN(len(list))])
			}
		})
	}
	close(begin)
	all.Wait()

	// What each pointer went through, by what the clients were told.
	born, changes, deleted := map[string]int{}, map[string]int{}, map[string]bool{}
	made, refused := map[string]int{}, 0
	for _, c := range racers {
		refused += c.refused
		for _, e := range c.events {
			made[e.change]++
			switch e.change {
			case "create":
				born[e.id]++
			case "supersede":
				born[e.id]++
				changes[e.old]++
			default:
				changes[e.id]++
				deleted[e.id] = e.change == "delete"
			}
		}
	}
	t.Logf("%d pointers: %v; %d changes refused", len(born), made, refused)
	left := map[string]bool{}
	for id, times := range born {
		require.Equal(t, 1, times)
		require.LessOrEqual(t, changes[id], 1, "two clients changed the same version of %s", id)
		want := http.StatusOK
		switch {
		case deleted[id]:
			want = http.StatusNotFound
		case changes[id] > 0:
			want = http.StatusBadRequest // it is not current
		default:
			left[id] = true
		}
		status, _, answer := send(t, racers[0].consumer, http.MethodGet, collection+"/"+id, "", "")
		require.Equal(t, want, status, "%s", answer)
		if want == http.StatusOK {
			require.Contains(t, string(answer), fmt.Sprintf(`"versionId":%q`, "1"))
		}
	}
	require.Len(t, left, len(patients()), "a pointer that no change explains the end of")
	for _, p := range patients() {
		ids := racers[0].current(t, p)
		require.Len(t, ids, 1, "exactly one current pointer in each chain")
		require.True(t, left[ids[0]], "a pointer that no client was told of")
	}
}
