// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
)

// A store has no log: why it refused is in the Authorizer's record.
func TestTheRecordOfARequestSaysWhyAStoreRefusedIt(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ods, err := asid.ParseODSCode("RR8")
	require.NoError(t, err)
	system := asid.System{ASID: asid.MustParseID("200000000205"), ODS: []asid.ODSCode{ods}, FQDNs: []string{"rr8.nhs.uk"},
		Interactions: []asid.InteractionID{asid.DocumentReferenceDelete}}
	registry, err := asid.NewMemory(system)
	require.NoError(t, err)
	self := asid.MustParseID("999999999999")
	authorizer := &asid.Authorizer{Registry: registry, Self: self, Peers: asidtest.Peers{}, Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	for name, c := range map[string]struct {
		store       http.Handler
		status      int
		rule, error string
	}{
		"a store without a guard": {new(nrl.Store), 500, "config", "Store got a change that no pointer.Guard has decided on"},
		"a store of one's own": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pointer.WriteError(w, r, &pointer.ChangeError{Rule: pointer.RuleConflict, Target: pointer.Query{ID: "1"}, Detail: "has changed"})
		}), 409, "conflict", "the pointer 1 has changed"},
		"a guard without a log": {(&pointer.Guard{Resolver: new(nrl.Store)}).Middleware(new(nrl.Store)), 404, "not-found", "the pointer 1 cannot be found: there is no such pointer"},
		"a guard whose log has no refusals": {
			(&pointer.Guard{Resolver: new(nrl.Store), Logger: slog.New(slog.DiscardHandler)}).Middleware(new(nrl.Store)), 404, "not-found", "the pointer 1 cannot be found: there is no such pointer",
		},
	} {
		log.Reset()
		w := httptest.NewRecorder()
		authorizer.Middleware(c.store).ServeHTTP(w, asidtest.NewRequest(http.MethodDelete, "/STU3/DocumentReference/1", system, self))
		assert.Equal(t, c.status, w.Code, name)
		var record map[string]any
		require.NoError(t, json.Unmarshal(log.Bytes(), &record), log.String())
		assert.Equal(t, c.rule, record["rule"], name)
		assert.Equal(t, c.error, record["error"], name)
	}
}
