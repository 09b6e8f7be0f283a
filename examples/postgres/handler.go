// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

const (
	maxText  = 512  // of subject, system and value, in bytes
	maxFound = 1000 // pointers in one answer
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
	// who may read only must not search.
	case strings.HasSuffix(dir, "/DocumentReference/"):
		err = s.serveRead(w, r, last)
	case last == "DocumentReference":
		err = s.serveSearch(w, r)
	default:
		err = &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a path that is not that of a DocumentReference"}
	}
	if err != nil {
		pointer.WriteError(w, r, err)
	}
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

// serveSearch answers with the current pointers of a patient.
func (s *Store) serveSearch(w http.ResponseWriter, r *http.Request) error {
	subject := r.URL.Query().Get("subject")
	if subject == "" {
		return &pointer.ChangeError{Rule: pointer.RuleRequest, Detail: "has no subject"}
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
	e := entry{Search: map[string]string{"mode": "match"}}
	if _, err := pgx.ForEachRow(rows, []any{&version, &e.Resource}, func() error {
		bundle.Entries = append(bundle.Entries, entry{append(json.RawMessage(nil), e.Resource...), e.Search})
		return nil
	}); err != nil {
		return unasked(err)
	}
	if bundle.Total = len(bundle.Entries); bundle.Total > maxFound {
		return &pointer.ChangeError{Rule: pointer.RuleStore, Detail: "has more pointers of that patient than one answer can"}
	}
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
