// SPDX-License-Identifier: Apache-2.0

// Package postgres is an NRL-like server over PostgreSQL: a store whose look-ups
// and changes are SQL, behind a pointer.Guard. It is an example of its own
// module, to be copied: importing pointer must not bring a database's driver
// along. It takes and gives JSON; what NRL's search has besides the patient is
// refused.
//
//	store, err := postgres.Open(ctx, "postgres:///nrl", base)
//	...
//	store.Logger = slog.Default()
//	guard := &pointer.Guard{Resolver: store, Disclose: true}
//	handler := authorizer.Middleware(guard.Middleware(store))
package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A Store holds pointers in PostgreSQL. It is a [pointer.Resolver] and the handler
// behind the guard, and safe for concurrent use, by several processes, too; Logger
// is not to be changed once it is in use.
type Store struct {
	Logger *slog.Logger // one record for each request that failed, without patients; nil: none

	pool *pgxpool.Pool
	base *url.URL
}

// Open connects to the database (a URL or a DSN, see [pgxpool.ParseConfig]) and
// brings its schema up to date. base is the URL before DocumentReference by which
// clients know this server.
func Open(ctx context.Context, database string, base *url.URL) (*Store, error) {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		return nil, err
	}
	// Each change is one statement, which PostgreSQL repeats its conditions for on
	// the row as another has left it; and an answer is not to precede the disk.
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return &Store{pool: pool, base: base}, nil
}

// Close closes all connections.
func (s *Store) Close() { s.pool.Close() }

//go:embed schema/*.sql
var schema embed.FS

// migrate makes the steps of the schema that this database has not seen, in one
// transaction and one process at a time.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	files, err := schema.ReadDir("schema")
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		const start = `SELECT pg_advisory_xact_lock(7361); CREATE TABLE IF NOT EXISTS migration (step int PRIMARY KEY)`
		if _, err := tx.Exec(ctx, start, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		var seen int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM migration`).Scan(&seen); err != nil {
			return err
		}
		for i := seen; i < len(files); i++ {
			statements, err := schema.ReadFile("schema/" + files[i].Name())
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(statements), pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("%s: %w", files[i].Name(), err)
			}
			if _, err := tx.Exec(ctx, `INSERT INTO migration VALUES ($1)`, i+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// nameOf is the hash of what no two pointers have alike, or nil. The lengths keep
// what is in one part from being taken for the next one's.
func nameOf(subject string, id pointer.Identifier) []byte {
	if id.IsZero() {
		return nil
	}
	var parts []byte
	for _, s := range []string{subject, id.System, id.Value} {
		parts = binary.BigEndian.AppendUint64(parts, uint64(len(s)))
		parts = append(parts, s...)
	}
	sum := sha256.Sum256(parts)
	return sum[:]
}

// Resolve implements [pointer.Resolver].
func (s *Store) Resolve(ctx context.Context, q pointer.Query) (*pointer.Pointer, error) {
	const columns = `SELECT id, version, custodian, status, subject, system, value FROM pointer WHERE `
	var row pgx.Row
	switch {
	case q.ID != "":
		row = s.pool.QueryRow(ctx, columns+`id = $1`, q.ID)
	case q.Subject != "" && !q.Identifier.IsZero():
		row = s.pool.QueryRow(ctx, columns+`name = $1`, nameOf(q.Subject, q.Identifier))
	default:
		return nil, pointer.ErrNotFound
	}
	var p pointer.Pointer
	var version int64
	var custodian string
	err := row.Scan(&p.ID, &version, &custodian, &p.Status, &p.Subject, &p.MasterIdentifier.System, &p.MasterIdentifier.Value)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, pointer.ErrNotFound
	}
	if err != nil {
		return nil, unavailable(err)
	}
	if p.Custodian, err = asid.ParseODSCode(custodian); err != nil {
		return nil, err
	}
	p.Version = strconv.FormatInt(version, 10)
	if !q.Matches(&p) {
		return nil, pointer.ErrNotFound
	}
	return &p, nil
}

// unavailable is a database that could not be asked. What it says of a statement
// may have the patient in it, and stays here.
func unavailable(err error) error {
	e, said := errors.AsType[*pgconn.PgError](err)
	detail := "could not be asked"
	if said {
		detail = "answered with SQLSTATE " + e.Code
	}
	return &pointer.ChangeError{Rule: pointer.RuleUnavailable, Detail: detail, Err: cause(err)}
}

// cause is what may be logged of a failed statement: why there is no connection or
// no answer. All else may have the statement's values in it; it is nil then.
func cause(err error) error {
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}
