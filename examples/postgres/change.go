// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// Each change is one statement, which affects one row or none. Its conditions
// are what was judged: the id, the version, the status and the custodian. Of the
// two acts of a supersede the second happens only with the first.
const (
	createSQL = `INSERT INTO pointer (id, custodian, status, subject, system, value, name, resource)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	supersedeSQL = `WITH old AS (
		UPDATE pointer SET status = 'superseded', version = version + 1, updated = now()
		WHERE id = $9 AND version = $10 AND status = $11 AND custodian = $12 RETURNING id)
		INSERT INTO pointer (id, custodian, status, subject, system, value, name, resource)
		SELECT $1, $2, $3, $4, $5, $6, $7::bytea, $8::jsonb FROM old`
	updateSQL = `UPDATE pointer SET status = 'entered-in-error', version = version + 1, updated = now()
		WHERE id = $1 AND version = $2 AND status = $3 AND custodian = $4`
	deleteSQL = `DELETE FROM pointer WHERE id = $1 AND version = $2 AND status = $3 AND custodian = $4`
)

// attempts bounds how often one change is judged.
const attempts = 3

// settled bounds the look at what has become of a change.
const settled = 5 * time.Second

// A fresh pointer is one that is to be inserted.
type fresh struct {
	id       string
	resource []byte
}

// errChanged is a change that was not made, because the store has changed since
// it was judged.
var errChanged = errors.New("the store has changed since the change was judged")

// change makes the change that was decided on, or what is decided anew if the
// store has changed meanwhile.
func (s *Store) change(ctx context.Context, d *pointer.Decision, f *fresh) error {
	for range attempts {
		err := s.make(ctx, d, f)
		if !errors.Is(err, errChanged) {
			return err
		}
		next, err := d.Again(ctx)
		if err != nil {
			return err
		}
		if d.Change.Action == pointer.Supersede && next.Stored.ID != d.Stored.ID {
			break // the body names the pointer that was judged first
		}
		d = next
	}
	return &pointer.ChangeError{Rule: pointer.RuleConflict, Action: d.Change.Action, Detail: "has changed each time that it was judged"}
}

// make carries one decision out, once. An error other than errChanged means that
// nothing was changed, or says that this is not known.
func (s *Store) make(ctx context.Context, d *pointer.Decision, f *fresh) error {
	var args []any
	if p := d.Change.New; p != nil {
		args = append(args, f.id, p.Custodian.String(), p.Status, p.Subject, p.MasterIdentifier.System, p.MasterIdentifier.Value,
			nameOf(p.Subject, p.MasterIdentifier), f.resource)
	}
	if p := d.Stored; p != nil {
		version, err := strconv.ParseInt(p.Version, 10, 64)
		if err != nil {
			return err
		}
		args = append(args, p.ID, version, p.Status, p.Custodian.String())
	}
	statement := map[pointer.Action]string{pointer.Create: createSQL, pointer.Supersede: supersedeSQL, pointer.Update: updateSQL,
		pointer.Delete: deleteSQL}[d.Change.Action]
	conn, err := s.pool.Acquire(ctx)
	if err != nil { // nothing was sent
		return unavailable(err)
	}
	done, err := conn.Exec(ctx, statement, args...)
	conn.Release() // made needs one, too
	switch {
	case err == nil && done.RowsAffected() == 1:
		return nil
	case err == nil:
		return errChanged
	case pgconn.SafeToRetry(err): // nothing was sent
		return unavailable(err)
	}
	if e, said := undone(err); said {
		return refusal(d, e)
	}
	// The connection was lost, or the server ended, perhaps after the commit. The
	// change is not made again: it is looked at, once.
	if s.made(ctx, d, f) {
		return nil
	}
	return &pointer.ChangeError{Rule: pointer.RuleStore, Action: d.Change.Action, Detail: "broke off, so that it is not known whether it made the change", Err: cause(err)}
}

// undone returns what the server says of a statement that it has not carried out.
// It ends with FATAL or PANIC at any moment; 40003 and class 08 say that it is not
// known. Severity itself is in the language of the server.
func undone(err error) (e *pgconn.PgError, said bool) {
	e, said = errors.AsType[*pgconn.PgError](err)
	return e, said && e.SeverityUnlocalized == "ERROR" && e.Code != "40003" && !strings.HasPrefix(e.Code, "08")
}

// refusal is a statement that the server says it has not carried out.
func refusal(d *pointer.Decision, e *pgconn.PgError) error {
	switch e.Code {
	case "40001", "40P01", "23505": // serialization_failure, deadlock_detected, unique_violation
		return errChanged
	}
	switch {
	case e.Code == "23514": // check_violation, of what the schema bounds
		return &pointer.ChangeError{Rule: pointer.RuleResource, Action: d.Change.Action, Detail: "is more than its custodian may have current of one patient"}
	case strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "54"): // such as a NUL in a text, or a number beyond all bounds
		return &pointer.ChangeError{Rule: pointer.RuleResource, Action: d.Change.Action, Detail: "has a value that cannot be stored"}
	default:
		return unavailable(e)
	}
}

// made reports whether the store shows that the change was made: the new pointer,
// whose id no other one has, is there, or the judged version is gone in the way
// that was decided on. Of an update and a delete another one of the same may have
// done it, which comes to the same.
func (s *Store) made(ctx context.Context, d *pointer.Decision, f *fresh) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settled)
	defer cancel()
	id := ""
	if f != nil {
		id = f.id
	} else {
		id = d.Stored.ID
	}
	p, err := s.Resolve(ctx, pointer.Query{ID: id})
	switch {
	case d.Change.Action == pointer.Delete:
		return errors.Is(err, pointer.ErrNotFound)
	case err != nil:
		return false
	case d.Change.Action == pointer.Update:
		return p.Status == "entered-in-error"
	default:
		return true
	}
}
