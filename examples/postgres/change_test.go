// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func TestWhatAServerSaysOfAChange(t *testing.T) {
	t.Parallel()
	said := func(severity, unlocalised, code string) error {
		return fmt.Errorf("exec: %w", &pgconn.PgError{Severity: severity, SeverityUnlocalized: unlocalised, Code: code})
	}
	for name, c := range map[string]struct {
		err    error
		undone bool
	}{
		"a unique violation":           {said("ERROR", "ERROR", "23505"), true},
		"one in German":                {said("FEHLER", "ERROR", "23505"), true},
		"a server that ends":           {said("FATAL", "FATAL", "57P01"), false},
		"a completion that is unknown": {said("ERROR", "ERROR", "40003"), false},
		"a connection that was lost":   {said("ERROR", "ERROR", "08006"), false},
		"no severity":                  {said("ERROR", "", "23505"), false},
		"what no server has said":      {io.ErrUnexpectedEOF, false},
	} {
		_, undone := undone(c.err)
		assert.Equal(t, c.undone, undone, name)
	}
	d := new(pointer.Decision)
	for code, rule := range map[string]pointer.Rule{"22P05": pointer.RuleResource, "54001": pointer.RuleResource, "57014": pointer.RuleUnavailable, "": pointer.RuleUnavailable} {
		e, ok := errors.AsType[*pointer.ChangeError](refusal(d, &pgconn.PgError{Code: code}))
		assert.True(t, ok, code)
		assert.Equal(t, rule, e.Rule, code)
	}
	for _, code := range []string{"40001", "40P01", "23505"} {
		assert.ErrorIs(t, refusal(d, &pgconn.PgError{Code: code}), errChanged)
	}
}

func TestAChangeWithoutAConnectionWasNotMade(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres:///nrl?host="+t.TempDir()) // on whose socket no server is
	require.NoError(t, err)
	s := &Store{pool: pool}
	d := &pointer.Decision{Change: pointer.Change{Action: pointer.Create, New: new(pointer.Pointer)}}
	unavailable := func(what string) {
		e, ok := errors.AsType[*pointer.ChangeError](s.make(t.Context(), d, new(fresh)))
		require.True(t, ok, what)
		assert.Equal(t, pointer.RuleUnavailable, e.Rule, what)
	}
	unavailable("no server")
	pool.Close()
	unavailable("a closed pool")
}

func TestTheLogSaysWhyTheDatabaseDidNotAnswer(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres:///nrl?host="+t.TempDir()) // on whose socket no server is
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var log bytes.Buffer
	s := &Store{pool: pool, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	a := httptest.NewRecorder()
	s.ServeHTTP(a, httptest.NewRequest(http.MethodGet, "/STU3/DocumentReference?subject=9000000009", nil))
	assert.Equal(t, http.StatusServiceUnavailable, a.Code)
	assert.Contains(t, log.String(), "failed to connect")
	assert.NotContains(t, log.String(), "9000000009")
	assert.NotContains(t, a.Body.String(), "failed to connect")

	log.Reset()
	(&Store{Logger: s.Logger}).logRefusal(httptest.NewRequest(http.MethodGet, "/", nil),
		&pointer.ChangeError{Rule: pointer.RuleNotFound, Target: pointer.Query{ID: "9000000009"}, Detail: "is not there"})
	assert.Contains(t, log.String(), "the pointer is not there")
	assert.NotContains(t, log.String(), "9000000009", "which the client took for an id")

	said := &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "23514", Detail: "Failing row contains (9000000009)."}
	for name, c := range map[string]struct{ err, logged error }{
		"a caller that left":       {fmt.Errorf("exec: %w", context.Canceled), context.Canceled},
		"a deadline":               {fmt.Errorf("exec: %w", context.DeadlineExceeded), context.DeadlineExceeded},
		"an answer that broke off": {fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), io.ErrUnexpectedEOF},
		"a row in a refusal":       {said, nil},
		"a value in an encoding":   {errors.New("cannot encode 9000000009"), nil},
	} {
		assert.Equal(t, c.logged, cause(c.err), name)
	}
}
