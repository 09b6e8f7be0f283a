// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	postgres "github.com/nrlsecurity/nrlsecurity/examples/postgres"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

func TestPostgreSQLHoldsPointers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const patient = patientURL + "9000000009"
	get := func(target string) *httptest.ResponseRecorder {
		a := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		var err error
		r.URL, err = url.Parse(target)
		require.NoError(t, err)
		w.systems["RX1"].ServeHTTP(a, r)
		return a
	}
	post := func(t *testing.T, body string) (*sent, string) {
		s, a := w.send("A81001", http.MethodPost, collection, body)
		return s, a.Body.String()
	}

	first, _ := post(t, strings.Replace(resource("A81001", patient, "life", ""), "{", `{"meta":{"versionId":"7","profile":["urn:p"]},"description":"\u00e9",`, 1))
	require.Equal(t, http.StatusCreated, first.code)
	read := get(collection + "/" + first.id)
	assert.Equal(t, `W/"1"`, read.Header().Get("ETag"))
	var got struct {
		ID, Status, Description string
		Meta                    struct {
			VersionID   string
			LastUpdated string
			Profile     []string
		}
	}
	require.NoError(t, json.Unmarshal(read.Body.Bytes(), &got))
	assert.Equal(t, first.id, got.ID)
	assert.Equal(t, "1", got.Meta.VersionID)
	assert.Equal(t, []string{"urn:p"}, got.Meta.Profile)
	assert.Regexp(t, `^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, got.Meta.LastUpdated)
	assert.Equal(t, "é", got.Description)

	second, _ := post(t, resource("A81001", patient, "", `{"identifier":{"system":"urn:s","value":"life"}}`))
	require.Equal(t, http.StatusCreated, second.code)
	assert.Equal(t, http.StatusNotFound, get(collection+"/"+first.id).Code, "superseded")
	found := get(collection + "?subject=" + url.QueryEscape(patient))
	assert.Contains(t, found.Body.String(), `"total":1`)
	assert.Contains(t, found.Body.String(), second.id)

	t.Run("the resolver", func(t *testing.T) {
		base, err := url.Parse("https://nrl.example.nhs.uk/STU3")
		require.NoError(t, err)
		store, err := postgres.Open(t.Context(), w.server.url("test"), base) // the schema is there already
		require.NoError(t, err)
		defer store.Close()
		owner, err := asid.ParseODSCode("A81001")
		require.NoError(t, err)
		assert.NoError(t, pointertest.TestResolver(store,
			&pointer.Pointer{ID: first.id, Version: "2", Custodian: owner, Status: "superseded", Subject: patient, MasterIdentifier: pointer.Identifier{System: "urn:s", Value: "life"}},
			&pointer.Pointer{ID: second.id, Version: "1", Custodian: owner, Status: "current", Subject: patient}))
	})
	t.Run("what is not taken", func(t *testing.T) {
		for name, body := range map[string]string{
			"a name that a superseded pointer has": resource("A81001", patient, "life", ""),
			"a NUL":                                strings.Replace(resource("A81001", patient, "nul", ""), "{", `{"description":"\u0000",`, 1),
			"a number beyond all bounds":           strings.Replace(resource("A81001", patient, "number", ""), "{", `{"content":[{"attachment":{"size":1e999999}}],`, 1),
			"a value that is too long":             resource("A81001", patient, strings.Repeat("x", 1000), ""),
			"a subject that is too long":           resource("A81001", patient+strings.Repeat("0", 1000), "x", ""),
			"a pointer that is not current":        strings.Replace(resource("A81001", patient, "x", ""), "current", "superseded", 1),
			"another's":                            resource("RX1", patient, "x", ""),
		} {
			s, answer := post(t, body)
			assert.Equal(t, http.StatusBadRequest, s.code, "%s: %s", name, answer)
		}
		for target, code := range map[string]int{
			collection + "/%00": http.StatusBadRequest, collection + "/%ff": http.StatusBadRequest, collection + "/none": http.StatusNotFound,
			collection: http.StatusBadRequest, collection + "?subject=%00": http.StatusBadRequest, collection + "?subject=none": http.StatusOK,
			collection + "/DocumentReference?subject=" + url.QueryEscape(patient): http.StatusNotFound, // a read, though not of a pointer
			"/STU3/Patient/" + second.id:                                          http.StatusBadRequest, collection + "/": http.StatusNotFound,
		} {
			assert.Equal(t, code, get(target).Code, target)
		}
	})
	t.Run("what a search is refused for", func(t *testing.T) {
		found := collection + "?subject=" + url.QueryEscape(patient)
		assert.Equal(t, http.StatusOK, get(found+"&_format=json").Code)
		for _, more := range []string{"&custodian=" + url.QueryEscape(custodianOf+"RX1"), "&_id=" + second.id, "&subject=other", "&subject=" + url.QueryEscape(patient), "&a;b"} {
			assert.Equal(t, http.StatusBadRequest, get(found+more).Code, more)
		}
	})
	t.Run("one name at the same time", func(t *testing.T) {
		for range 10 {
			codes := make(chan int, 4)
			var all sync.WaitGroup
			for range cap(codes) {
				all.Go(func() {
					s, _ := post(t, resource("A81001", patient, "race", ""))
					codes <- s.code
				})
			}
			all.Wait()
			close(codes)
			count := map[int]int{}
			for code := range codes {
				count[code]++
			}
			require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusBadRequest: cap(codes) - 1}, count)
			s, _ := w.send("A81001", http.MethodDelete, collection+"?"+url.Values{"subject": {patient}, "identifier": {"urn:s|race"}}.Encode(), "")
			require.Equal(t, http.StatusNoContent, s.code)
		}
	})
	faults, _ := w.faults(t)
	assert.Empty(t, faults)
	t.Run("more octets than one answer has room for", func(t *testing.T) { // of organisations that no system here is
		const rich = patientURL + "9000000017"
		insert := func(t *testing.T, from, to int) {
			w.query(t, func(conn *pgx.Conn) {
				_, err := conn.Exec(t.Context(), `INSERT INTO pointer (id, custodian, status, subject, resource)
					SELECT 'rich' || n, 'ORG' || n, 'current', $1, jsonb_build_object('description', repeat('x', 1000 << 10)) FROM generate_series($2::int, $3::int) AS n`,
					rich, from, to)
				require.NoError(t, err)
			})
		}
		insert(t, 1, 1)
		assert.Equal(t, http.StatusOK, get(collection+"?subject="+url.QueryEscape(rich)).Code)
		insert(t, 2, 9)
		a := get(collection + "?subject=" + url.QueryEscape(rich))
		assert.Equal(t, http.StatusBadGateway, a.Code)
		assert.Contains(t, a.Body.String(), "OperationOutcome")
	})
}

// An organisation that writes without end keeps no other one from writing, and no
// one from reading.
func TestAnOrganisationFillsItsOwnShareOfAPatientOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("x", 600<<10)
	post := func(ods, patient, description, relatesTo string) *sent {
		s, _ := w.send(ods, http.MethodPost, collection, strings.Replace(resource(ods, patient, "", relatesTo), "{", `{"description":"`+description+`",`, 1))
		return s
	}
	remove := func(s *sent) {
		gone, _ := w.send("A81001", http.MethodDelete, collection+"/"+s.id, "")
		require.Equal(t, http.StatusNoContent, gone.code)
	}
	t.Run("in octets", func(t *testing.T) {
		const patient = patientURL + "9000000009"
		first := post("A81001", patient, long, "")
		require.Equal(t, http.StatusCreated, first.code)
		assert.Equal(t, http.StatusBadRequest, post("A81001", patient, long, "").code)
		assert.Equal(t, http.StatusCreated, post("RX1", patient, long, "").code, "another organisation")
		assert.Equal(t, http.StatusCreated, post("A81001", patientURL+"9000000017", long, "").code, "another patient")
		next := post("A81001", patient, long, `{"reference":"DocumentReference/`+first.id+`"}`)
		require.Equal(t, http.StatusCreated, next.code, "in the place of what it supersedes")
		remove(first) // which is superseded, and takes no room
		assert.Equal(t, http.StatusBadRequest, post("A81001", patient, long, "").code)
		remove(next)
		assert.Equal(t, http.StatusCreated, post("A81001", patient, long, "").code)
	})
	t.Run("in pointers", func(t *testing.T) {
		const patient = patientURL + "9000000025"
		var last *sent
		for range 99 {
			last = post("A81001", patient, "", "")
			require.Equal(t, http.StatusCreated, last.code)
		}
		var all sync.WaitGroup
		codes := make(chan int, 4)
		for range cap(codes) {
			all.Go(func() { codes <- post("A81001", patient, "", "").code })
		}
		all.Wait()
		close(codes)
		count := map[int]int{}
		for code := range codes {
			count[code]++
		}
		assert.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusBadRequest: 3}, count)
		assert.Equal(t, http.StatusCreated, post("RX1", patient, "", "").code, "another organisation")
		s, _ := w.send("A81001", http.MethodPatch, collection+"/"+last.id, update)
		require.Equal(t, http.StatusNoContent, s.code)
		assert.Equal(t, http.StatusCreated, post("A81001", patient, "", "").code)
		a := httptest.NewRecorder()
		w.systems["RR8"].ServeHTTP(a, httptest.NewRequest(http.MethodGet, collection+"?subject="+url.QueryEscape(patient), nil))
		assert.Equal(t, http.StatusOK, a.Code)
		assert.True(t, strings.Contains(a.Body.String(), `"total":101`))
	})
	faults, _ := w.faults(t)
	assert.Empty(t, faults)

	t.Run("in a database of the first schema", func(t *testing.T) {
		w.query(t, func(conn *pgx.Conn) {
			_, err := conn.Exec(t.Context(), `DELETE FROM migration WHERE step > 1; DROP TABLE share; DROP FUNCTION enter_share CASCADE;
				DROP FUNCTION leave_share CASCADE; DELETE FROM pointer WHERE id IN (SELECT id FROM pointer LIMIT 1)`, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
		})
		store, err := postgres.Open(t.Context(), w.server.url("test"), &url.URL{})
		require.NoError(t, err)
		store.Close()
		assert.Empty(t, w.unshared(t))
		assert.Equal(t, http.StatusBadRequest, post("A81001", patientURL+"9000000017", long, "").code)
	})
}
