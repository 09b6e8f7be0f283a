// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// An answer has room for ten custodians that have all they may of one patient
// (schema/0002.sql), or for eight that have all the octets.
const (
	maxText   = 512     // of subject, system and value, in bytes
	maxFound  = 1000    // pointers in one answer
	maxAnswer = 8 << 20 // of the pointers in one answer, in bytes
)

// resourceSQL is a current pointer as clients get it.
const resourceSQL = `SELECT version::text, resource || jsonb_build_object('id', id, 'status', status, 'meta',
	coalesce(resource->'meta', '{}') || jsonb_build_object('versionId', version::text,
		'lastUpdated', to_char(updated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
	FROM pointer WHERE status = 'current' AND `

// ServeHTTP answers a read, a search by subject, or makes the change that a
// [pointer.Guard] has decided on.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	dir, last := path.Split(r.URL.Path)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		err = s.serveChange(w, r)
	// Before the search, as asid has it: DocumentReference has the form of an id, and
	// a system that is assured for reads alone must not search.
	case strings.HasSuffix(dir, "/DocumentReference/"):
		err = s.serveRead(w, r, last)
	case last == "DocumentReference":
		err = s.serveSearch(w, r)
	default:
		err = &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a path that is not that of a DocumentReference"}
	}
	if err != nil {
		s.logRefusal(r, err)
		pointer.WriteError(w, r, err)
	}
}

// logRefusal makes a record of a request that failed, without what the client named
// a pointer by: that may be a patient, too.
func (s *Store) logRefusal(r *http.Request, err error) {
	if s.Logger == nil {
		return
	}
	if e, ok := errors.AsType[*pointer.ChangeError](err); ok {
		unnamed := *e
		unnamed.Target = pointer.Query{}
		err = &unnamed
	}
	s.Logger.WarnContext(r.Context(), "request not answered by the store", slog.String("method", r.Method), slog.Any("error", err))
}

func (s *Store) serveChange(w http.ResponseWriter, r *http.Request) error {
	d, decided := pointer.DecisionFrom(r.Context())
	if !decided {
		return &asid.ConfigError{Field: "Store", Detail: "got a change that no pointer.Guard has decided on"}
	}
	var f *fresh
	if d.Change.New != nil {
		var err error
		if f, err = newResource(r, d.Change.New); err != nil {
			return err
		}
	}
	if err := s.change(r.Context(), d, f); err != nil {
		return err
	}
	if f != nil {
		w.Header().Set("Location", s.base.JoinPath("DocumentReference", f.id).String())
		w.Header().Set("ETag", `W/"1"`)
		w.WriteHeader(http.StatusCreated)
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// newResource checks what the guard does not: that it is JSON, new, and fits.
func newResource(r *http.Request, p *pointer.Pointer) (*fresh, error) {
	if !strings.Contains(strings.ToLower(r.Header.Get("Content-Type")), "json") {
		return nil, &pointer.ChangeError{Rule: pointer.RuleMediaType, Detail: "of the body is not JSON"}
	}
	invalid := func(element, detail string) (*fresh, error) {
		return nil, &pointer.ChangeError{Rule: pointer.RuleResource, Element: element, Detail: detail}
	}
	switch {
	case p.Status != "current":
		return invalid("status", "of a new pointer is not current")
	case p.Subject == "" || len(p.Subject) > maxText:
		return invalid("subject", "is missing or too long")
	case len(p.MasterIdentifier.System) > maxText || len(p.MasterIdentifier.Value) > maxText:
		return invalid("masterIdentifier", "is too long")
	}
	body, err := io.ReadAll(r.Body) // bounded by the guard, and in memory
	if err != nil {
		return nil, &pointer.ChangeError{Rule: pointer.RuleBody, Detail: "could not be read", Err: err}
	}
	return &fresh{id: rand.Text(), resource: body}, nil
}

func (s *Store) serveRead(w http.ResponseWriter, r *http.Request, id string) error {
	var version string
	var resource json.RawMessage
	err := s.pool.QueryRow(r.Context(), resourceSQL+`id = $1`, id).Scan(&version, &resource)
	if errors.Is(err, pgx.ErrNoRows) {
		return &pointer.ChangeError{Rule: pointer.RuleNotFound, Target: pointer.Query{ID: id}, Detail: "is not there"}
	}
	if err != nil {
		return unasked(err)
	}
	w.Header().Set("ETag", `W/"`+version+`"`)
	return write(w, resource)
}

// subjectOf reads the query of a search. A parameter that the store has not is
// refused: without it the search would find more than was asked for.
func subjectOf(rawQuery string) (string, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", &pointer.ChangeError{Rule: pointer.RuleRequest, Detail: "has a malformed query"}
	}
	for name := range query {
		if name != "subject" && name != "_format" {
			return "", &pointer.ChangeError{Rule: pointer.RuleRequest, Detail: "has a parameter that the interaction has not"}
		}
	}
	if subjects := query["subject"]; len(subjects) == 1 && subjects[0] != "" {
		return subjects[0], nil
	}
	return "", &pointer.ChangeError{Rule: pointer.RuleRequest, Detail: "has not one subject"}
}

var errTooMany = errors.New("one answer has no room for what was found")

// serveSearch answers with the current pointers of a patient, with all of them or
// with none.
func (s *Store) serveSearch(w http.ResponseWriter, r *http.Request) error {
	subject, err := subjectOf(r.URL.RawQuery)
	if err != nil {
		return err
	}
	rows, err := s.pool.Query(r.Context(), resourceSQL+`subject = $1 ORDER BY updated, id LIMIT 1001`, subject)
	if err != nil {
		return unasked(err)
	}
	type entry struct {
		Resource json.RawMessage   `json:"resource"`
		Search   map[string]string `json:"search"`
	}
	bundle := struct {
		Type    string  `json:"resourceType"`
		Kind    string  `json:"type"`
		Total   int     `json:"total"`
		Entries []entry `json:"entry,omitempty"`
	}{Type: "Bundle", Kind: "searchset"}
	var version string
	size := 0
	e := entry{Search: map[string]string{"mode": "match"}}
	_, err = pgx.ForEachRow(rows, []any{&version, &e.Resource}, func() error {
		if size += len(e.Resource); size > maxAnswer || len(bundle.Entries) == maxFound {
			return errTooMany
		}
		bundle.Entries = append(bundle.Entries, entry{append(json.RawMessage(nil), e.Resource...), e.Search})
		return nil
	})
	switch {
	case errors.Is(err, errTooMany):
		return &pointer.ChangeError{Rule: pointer.RuleStore, Detail: "has more pointers of that patient than one answer can"}
	case err != nil:
		return unasked(err)
	}
	bundle.Total = len(bundle.Entries)
	return write(w, bundle)
}

// unasked is a look-up that failed. SQLSTATEs of class 22 are about the values in
// it, such as a path that is not UTF-8.
func unasked(err error) error {
	if e, said := errors.AsType[*pgconn.PgError](err); said && strings.HasPrefix(e.Code, "22") {
		return &pointer.ChangeError{Rule: pointer.RuleRequest, Detail: "has a value that no pointer can have"}
	}
	return unavailable(err)
}

func write(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // the client may have gone
	return nil
}
