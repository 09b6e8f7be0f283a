// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func TestAChangeIsNotMadeWithoutItsRecord(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	a.Audit = &asid.Audit{Intent: true}
	called := false
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })
	var config *asid.ConfigError
	assert.ErrorAs(t, a.Validate(), &config, "there is no log")
	assert.Equal(t, http.StatusInternalServerError, serve(a.Middleware(next), create()).Code)
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Audit: a.Audit}
	assert.ErrorAs(t, gate.Validate(), &config)

	a.Logger = slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	assert.Equal(t, http.StatusServiceUnavailable, serve(a.Middleware(next), create()).Code, "the log takes no such record")

	a.Logger = slog.New(handlerFunc(func(_ context.Context, r slog.Record) error {
		if r.Message == "request begins" {
			panic(errors.New("a log"))
		}
		return nil
	}))
	assert.Equal(t, http.StatusServiceUnavailable, serve(a.Middleware(next), create()).Code, "the log panics")
	assert.False(t, called)
}
