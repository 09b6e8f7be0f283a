// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	postgres "github.com/nrlsecurity/nrlsecurity/examples/postgres"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

const (
	collection  = "/STU3/DocumentReference"
	patientURL  = "https://demographics.spineservices.nhs.uk/STU3/Patient/"
	custodianOf = "https://directory.spineservices.nhs.uk/STU3/Organization/"
)

// A witness is in the database itself: it writes down who changes what, in the
// transaction of the change. Who it is, the connection says.
const witness = `
	CREATE TABLE change (seq bigserial PRIMARY KEY, tx text DEFAULT pg_current_xact_id()::text, by text DEFAULT current_setting('application_name'),
		id text, was_of text, is_of text, was_version bigint, is_version bigint, was text, became text);
	CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO change (id, was_of, is_of, was_version, is_version, was, became)
		VALUES (coalesce(NEW.id, OLD.id), OLD.custodian, NEW.custodian, OLD.version, NEW.version, OLD.status, NEW.status);
		RETURN NULL;
	END $$;
	CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON pointer FOR EACH ROW EXECUTE FUNCTION witness();`

// A change is what the witness wrote. An insert has no was, a delete no is.
type change struct {
	Tx, By                string
	ID                    string
	WasOf, IsOf           *string
	WasVersion, IsVersion *int64
	Was, Became           *string
}

// A sent request, and what became of it as far as its sender can tell.
type sent struct {
	ods    string
	action pointer.Action
	judged map[string]bool // id@version of each look-up that found something
	code   int
	id     string // of the Location
}

func (s *sent) made() bool  { return s.code < 300 }
func (s *sent) maybe() bool { return s.code >= 500 }

// A noting resolver notes in the request what it was judged by.
type noting struct{ pointer.Resolver }

type sentKey struct{}

func (n noting) Resolve(ctx context.Context, q pointer.Query) (*pointer.Pointer, error) {
	p, err := n.Resolver.Resolve(ctx, q)
	if s, ok := ctx.Value(sentKey{}).(*sent); ok && err == nil {
		s.judged[p.ID+"@"+p.Version] = true
	}
	return p, err
}

// A world is several systems, each with a process of its own, as it were: they
// share the database and nothing else.
type world struct {
	server   *server
	systems  map[string]http.Handler
	patients []string
	down     sync.RWMutex // held for writing while the server does not run

	mu       sync.Mutex
	requests []*sent
	ids      map[string][]string // by organisation
}

var organisations = []string{"A81001", "RX1", "RR8"}

func newWorld(t *testing.T) *world {
	w := &world{server: startServer(t), systems: map[string]http.Handler{}, ids: map[string][]string{}}
	base, err := url.Parse("https://nrl.example.nhs.uk/STU3")
	require.NoError(t, err)
	for _, ods := range organisations {
		store, err := postgres.Open(t.Context(), w.server.url(ods), base)
		require.NoError(t, err)
		t.Cleanup(store.Close)
		w.systems[ods] = (&pointer.Guard{Resolver: noting{store}, Disclose: true}).Middleware(store)
	}
	w.query(t, func(conn *pgx.Conn) {
		_, err := conn.Exec(t.Context(), witness, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
	})
	return w
}

func (w *world) query(t *testing.T, do func(*pgx.Conn)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.server.url("test"))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	do(conn)
}

func callerOf(ods string) *asid.Caller {
	code, err := asid.ParseODSCode(ods)
	if err != nil {
		panic(err)
	}
	return &asid.Caller{System: &asid.System{ASID: asid.MustParseID("200000000205"), ODS: []asid.ODSCode{code},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete}}}
}

const update = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},` +
	`{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueString":"entered-in-error"}]}]}`

// send has the system of an organisation send a request.
func (w *world) send(ods, method, target, body string) (*sent, *httptest.ResponseRecorder) {
	s := &sent{ods: ods, judged: map[string]bool{}}
	switch method {
	case http.MethodPatch:
		s.action = pointer.Update
	case http.MethodDelete:
		s.action = pointer.Delete
	default:
		s.action = pointer.Create
		if strings.Contains(body, "relatesTo") {
			s.action = pointer.Supersede
		}
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	a := httptest.NewRecorder()
	w.systems[ods].ServeHTTP(a, r.WithContext(context.WithValue(asid.NewContext(r.Context(), callerOf(ods)), sentKey{}, s)))
	s.code = a.Code
	if location := a.Header().Get("Location"); location != "" {
		s.id = path.Base(location)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, s)
	if s.id != "" {
		w.ids[ods] = append(w.ids[ods], s.id)
	}
	return s, a
}

func resource(ods, patient, value, relatesTo string) string {
	text := `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"` + patient + `"},"custodian":{"reference":"` + custodianOf + ods + `"}`
	if value != "" {
		text += `,"masterIdentifier":{"system":"urn:s","value":"` + value + `"}`
	}
	if relatesTo != "" {
		text += `,"relatesTo":[{"code":"replaces","target":` + relatesTo + `}]`
	}
	return text + "}"
}

// step sends one request, mostly about what others are busy with too.
func (w *world) step(random *rand.Rand, ods string) *sent {
	id := "none"
	w.mu.Lock()
	ids := w.ids[ods]
	if random.IntN(4) == 0 {
		ids = w.ids[organisations[random.IntN(len(organisations))]]
	}
	if n := len(ids); n > 0 {
		id = ids[n-1-random.IntN(min(n, 2))]
	}
	w.mu.Unlock()
	patient := w.patients[random.IntN(len(w.patients))]
	value := fmt.Sprintf("v%d", random.IntN(4))
	byName := collection + "?" + url.Values{"subject": {patient}, "identifier": {"urn:s|" + value}}.Encode()
	var s *sent
	switch random.IntN(9) {
	case 0:
		s, _ = w.send(ods, http.MethodDelete, collection+"/"+id, "")
	case 1:
		s, _ = w.send(ods, http.MethodDelete, byName, "")
	case 2:
		s, _ = w.send(ods, http.MethodPatch, collection+"/"+id, update)
	case 3:
		s, _ = w.send(ods, http.MethodPatch, byName, update)
	case 4, 6:
		s, _ = w.send(ods, http.MethodPost, collection, resource(ods, patient, "", `{"reference":"DocumentReference/`+id+`"}`))
	case 5:
		s, _ = w.send(ods, http.MethodPost, collection, resource(ods, patient, "", `{"identifier":{"system":"urn:s","value":"`+value+`"}}`))
	default:
		s, _ = w.send(ods, http.MethodPost, collection, resource(ods, patient, value, ""))
	}
	return s
}

// await waits until the server runs.
func (w *world) await() {
	w.down.RLock()
	defer w.down.RUnlock()
}

// history has all systems send at once, and the server killed in between.
func (w *world) history(t *testing.T, n int, seed uint64) {
	w.patients = []string{fmt.Sprintf("%s%d", patientURL, n)}
	const workers, steps = 3, 12 // workers for each system
	total := workers * steps * len(organisations)
	sending := make(chan struct{}, total)
	var all sync.WaitGroup
	for i, ods := range organisations {
		for worker := range workers {
			random := rand.New(rand.NewPCG(seed, uint64(i*workers+worker)))
			all.Go(func() {
				for range steps {
					sending <- struct{}{}
					if w.step(random, ods).maybe() {
						w.await()
					}
				}
			})
		}
	}
	for range total/4 + int(seed)%(total/2) {
		<-sending
	}
	w.down.Lock()
	w.server.kill(t)
	w.server.start(t)
	w.down.Unlock()
	all.Wait()
}

// unshared holds what is counted of each patient and custodian against what is
// there.
func (w *world) unshared(t *testing.T) (list []string) {
	w.query(t, func(conn *pgx.Conn) {
		const there = `SELECT subject, custodian, count(*), sum(octet_length(resource::text)) FROM pointer WHERE status = 'current' GROUP BY subject, custodian`
		rows, err := conn.Query(t.Context(), `(TABLE share EXCEPT `+there+`) UNION ALL (`+there+` EXCEPT TABLE share)`)
		require.NoError(t, err)
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			values, err := row.Values()
			return fmt.Sprintf("counted otherwise than it is there: %v", values), err
		})
		require.NoError(t, err)
	})
	return list
}

// faults holds what the witness saw against what the systems may do and were told.
func (w *world) faults(t *testing.T) (list []string, changes int) {
	fault := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	var seen []change
	w.query(t, func(conn *pgx.Conn) {
		rows, err := conn.Query(t.Context(), `SELECT tx, by, id, was_of, is_of, was_version, is_version, was, became FROM change ORDER BY seq`)
		require.NoError(t, err)
		seen, err = pgx.CollectRows(rows, pgx.RowToStructByPos[change])
		require.NoError(t, err)
		var twice int
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM (SELECT 1 FROM pointer WHERE value <> ''
			GROUP BY subject, system, value HAVING count(*) > 1) AS twice`).Scan(&twice))
		if twice > 0 {
			fault("%d masterIdentifiers that a patient has twice", twice)
		}
	})
	list = append(list, w.unshared(t)...)
	versions := map[string]int64{}
	txs, order := map[string][]change{}, []string{}
	for _, c := range seen {
		if txs[c.Tx] == nil {
			order = append(order, c.Tx)
		}
		txs[c.Tx] = append(txs[c.Tx], c)
		if c.WasOf != nil && *c.WasOf != c.By || c.IsOf != nil && *c.IsOf != c.By {
			fault("%s changed pointer %s, which was or became another's", c.By, c.ID)
		}
		last, known := versions[c.ID]
		switch {
		case c.WasVersion == nil && (known || *c.IsVersion != 1):
			fault("pointer %s was made twice, or with a version", c.ID)
		case c.WasVersion != nil && *c.WasVersion != last, c.WasVersion != nil && c.IsVersion != nil && *c.IsVersion != last+1:
			fault("pointer %s has left out a version", c.ID)
		}
		if c.IsVersion != nil {
			versions[c.ID] = *c.IsVersion
		} else {
			versions[c.ID] = -1 // for good
		}
	}
	explained := map[*sent]bool{}
	unlocated := map[string]int{} // by organisation: inserts whose answer was lost
	for _, tx := range order {
		var inserted, changed *change
		action := pointer.Create
		for _, c := range txs[tx] {
			switch {
			case c.WasOf == nil && inserted == nil:
				inserted = &c
			case c.WasOf != nil && changed == nil:
				changed = &c
			default:
				fault("transaction %s changed too much", tx)
			}
		}
		by := txs[tx][0].By
		switch {
		case changed == nil:
		case changed.IsOf == nil && inserted == nil:
			action = pointer.Delete
		case changed.IsOf != nil && *changed.Was == "current" && *changed.Became == "superseded" && inserted != nil:
			action = pointer.Supersede
		case changed.IsOf != nil && *changed.Was == "current" && *changed.Became == "entered-in-error" && inserted == nil:
			action = pointer.Update
		default:
			fault("transaction %s is none of the changes that there are", tx)
		}
		known := false
		for _, s := range w.requests {
			if s.ods != by || s.action != action || !s.made() && !s.maybe() {
				continue
			}
			if inserted != nil && s.made() && s.id != inserted.ID {
				continue
			}
			if changed != nil && !s.judged[fmt.Sprintf("%s@%d", changed.ID, *changed.WasVersion)] {
				continue
			}
			known = true
			if s.made() {
				explained[s] = true
			}
		}
		if !known {
			fault("no request was judged for what %s did in transaction %s (%v): %+v", by, tx, action, txs[tx])
		}
		if inserted != nil && !slices.ContainsFunc(w.requests, func(s *sent) bool { return s.id == inserted.ID }) {
			unlocated[by]++
		}
	}
	maybes := map[string]int{}
	for _, s := range w.requests {
		if s.maybe() && s.action <= pointer.Supersede {
			maybes[s.ods]++
		}
		if s.made() && !explained[s] {
			fault("%s was told that a %v was made, but it was not: %+v", s.ods, s.action, s)
		}
	}
	for ods, n := range unlocated {
		if n > maybes[ods] {
			fault("%s: %d pointers were made without an answer that names them, but only %d answers left it open", ods, n, maybes[ods])
		}
	}
	return list, len(order)
}

// Real processes of several systems change pointers at once over a server that is
// killed and started again: what the database saw is what owners were judged for.
func TestOnlyOwnersChangeAPointerInPostgreSQL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	histories := 8
	switch {
	case os.Getenv("CI") != "":
		histories = 25
	case testing.Short():
		histories = 1
	}
	for n := range histories {
		w.history(t, n, uint64(n)*7919)
	}
	faults, changes := w.faults(t)
	codes := map[int]int{}
	for _, s := range w.requests {
		codes[s.code]++
	}
	t.Logf("%d histories, %d requests answered with %v, %d changes", histories, len(w.requests), codes, changes)
	require.Empty(t, faults)
	assert.Greater(t, changes, histories*10, "histories in which hardly anything happens")
}
