package nrl_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// An event is a change that was answered with success.
type event struct {
	action pointer.Action
	id     string // of the pointer that was created, updated or deleted
	old    string // of the one that was superseded
}

// A racer is one of many clients that change the same pointers at once.
type racer struct {
	*instance
	random  *rand.Rand
	names   *atomic.Int64
	events  []event
	refused int
}

// patients have one chain of pointers each.
func patients() []string {
	return []string{"9000000009", "9000000017", "9000000025", "9000000033"}
}

func (c *racer) resource(t *testing.T, nhsNumber, old string) string {
	name := "create-stu3.json"
	if old != "" {
		name = "supersede-both-stu3.json"
	}
	body := strings.ReplaceAll(example(t, name), "9000000009", nhsNumber)
	body = strings.ReplaceAll(body, newValue, fmt.Sprintf("urn:uuid:%d", c.names.Add(1)))
	body = strings.Replace(body, oldURL, old, 1)
	// The identifier of the old one is not known here.
	before, rest, found := strings.Cut(body, ",\n        \"identifier\"")
	if found {
		_, after, _ := strings.Cut(rest, "}")
		body = before + after
	}
	return body
}

func (c *racer) create(t *testing.T, nhsNumber string) {
	at := c.instance.create(t, "json", c.resource(t, nhsNumber, ""))
	c.events = append(c.events, event{action: pointer.Create, id: idOf(at)})
}

// current asks the store for a patient's pointers.
func (c *racer) current(t *testing.T, nhsNumber string) []string {
	w := c.send("GET", query("subject", strings.ReplaceAll(patient, "9000000009", nhsNumber)), "json", "")
	var b struct {
		Entry []struct {
			Resource struct{ ID, Status string }
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &b), w.Body.String())
	var ids []string
	for _, e := range b.Entry {
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
		return // somebody is about to create the next one
	}
	id := ids[0]
	switch c.random.IntN(4) {
	case 0, 1:
		w := c.send("POST", collection, "json", c.resource(t, nhsNumber, id))
		if w.Code == http.StatusCreated {
			location := w.Header().Get("Location")
			c.events = append(c.events, event{action: pointer.Supersede, id: idOf(location), old: id})
			return
		}
	case 2:
		if c.send("PATCH", collection+"/"+id, "json", example(t, "update-stu3.json")).Code == http.StatusOK {
			c.events = append(c.events, event{action: pointer.Update, id: id})
			c.create(t, nhsNumber)
			return
		}
	default:
		// Only while it is current, which every pointer is in its first version.
		r := c.request("DELETE", collection+"/"+id, "json", "")
		r.Header.Set("If-Match", `W/"1"`)
		if c.serve(r).Code == http.StatusOK {
			c.events = append(c.events, event{action: pointer.Delete, id: id})
			c.create(t, nhsNumber)
			return
		}
	}
	c.refused++
}

func TestManyClientsChangeTheSamePointers(t *testing.T) {
	const clients, rounds = 64, 20
	i := start(t)
	var names atomic.Int64
	racers := make([]*racer, clients)
	for n := range racers {
		racers[n] = &racer{instance: i, random: rand.New(rand.NewPCG(7, uint64(n))), names: &names}
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
	born, superseded, updated, deleted := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	refused := 0
	for _, c := range racers {
		refused += c.refused
		for _, e := range c.events {
			switch e.action {
			case pointer.Create:
				born[e.id]++
			case pointer.Supersede:
				born[e.id]++
				superseded[e.old]++
			case pointer.Update:
				updated[e.id]++
			case pointer.Delete:
				deleted[e.id]++
			}
		}
	}
	t.Logf("%d pointers: %d superseded, %d updated, %d deleted; %d changes refused",
		len(born), len(superseded), len(updated), len(deleted), refused)
	for id, times := range born {
		require.Equal(t, 1, times)
		require.LessOrEqual(t, superseded[id]+updated[id]+deleted[id], 1, "two clients changed the same version of %s", id)
		p, err := i.store.Resolve(t.Context(), pointer.Query{ID: id})
		if deleted[id] > 0 {
			require.ErrorIs(t, err, pointer.ErrNotFound)
			continue
		}
		require.NoError(t, err, "lost")
		status, version := "current", "1"
		if superseded[id] > 0 {
			status, version = "superseded", "2"
		}
		if updated[id] > 0 {
			status, version = "entered-in-error", "2"
		}
		require.Equal(t, status, p.Status)
		require.Equal(t, version, p.Version)
	}
	for _, p := range patients() {
		ids := racers[0].current(t, p)
		require.Len(t, ids, 1, "exactly one current pointer in each chain")
		require.Equal(t, 1, born[ids[0]], "a pointer that nobody was told of")
	}
}
