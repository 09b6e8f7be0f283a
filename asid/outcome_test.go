// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// refusedBy is a [asid.PeerSource]'s error with a word for its rule.
type refusedBy string

func (r refusedBy) Error() string    { return "the peer source refused: " + string(r) }
func (r refusedBy) PeerRule() string { return string(r) }

// away is a registry's error that says when to come back.
type away time.Duration

func (a away) Error() string             { return "the directory is away" }
func (a away) RetryAfter() time.Duration { return time.Duration(a) }

// TestWhatEachErrorIsAnsweredAndRecordedWith is the table at [asid.Rule].
func TestWhatEachErrorIsAnsweredAndRecordedWith(t *testing.T) {
	t.Parallel()
	refused := func(rule asid.Rule, cause error) error {
		return &asid.RequestError{Rule: rule, Detail: "is wrong", Err: cause}
	}
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
		level  string
		rule   string
		told   bool // the client gets the error's text
	}{
		"a peer":                            {refused(asid.RulePeer, errors.New("x")), 403, "ACCESS_DENIED", "WARN", "peer", true},
		"a peer, with a word":               {refused(asid.RulePeer, refusedBy("revoked")), 403, "ACCESS_DENIED", "WARN", "revoked", true},
		"a version":                         {refused(asid.RulePeer, refusedBy("version")), 403, "ACCESS_DENIED_SSL", "WARN", "version", true},
		"a suite":                           {refused(asid.RulePeer, fmt.Errorf("x: %w", refusedBy("suite"))), 403, "ACCESS_DENIED_SSL", "WARN", "suite", true},
		"a version that is not the peer's":  {refused(asid.RuleRequest, refusedBy("version")), 400, "BAD_REQUEST", "WARN", "request", true},
		"a binding":                         {refused(asid.RuleBinding, nil), 403, "ACCESS_DENIED", "WARN", "binding", true},
		"a header":                          {refused(asid.RuleHeader, nil), 400, "MISSING_OR_INVALID_HEADER", "WARN", "header", true},
		"a token":                           {refused(asid.RuleToken, nil), 400, "MISSING_OR_INVALID_HEADER", "WARN", "token", true},
		"a request":                         {refused(asid.RuleRequest, nil), 400, "BAD_REQUEST", "WARN", "request", true},
		"no rule":                           {refused("", nil), 400, "BAD_REQUEST", "WARN", "request", true},
		"an ASID":                           {refused(asid.RuleASID, asid.ErrNotFound), 403, "ASID_CHECK_FAILED", "WARN", "asid", true},
		"an interaction":                    {refused(asid.RuleInteraction, asid.ErrNotAssociated), 403, "ASID_CHECK_FAILED", "WARN", "interaction", true},
		"a rule that there is not":          {refused("another", nil), 500, "INTERNAL_SERVER_ERROR", "ERROR", "another", false},
		"wrapped":                           {fmt.Errorf("here: %w", refused(asid.RuleHeader, nil)), 400, "MISSING_OR_INVALID_HEADER", "WARN", "header", true},
		"a registry":                        {&asid.RegistryError{Detail: "secret"}, 503, "", "ERROR", "registry", false},
		"a registry's cause is not told":    {&asid.RegistryError{Detail: "secret", Err: refused(asid.RuleASID, nil)}, 503, "", "ERROR", "registry", false},
		"a peer's cause is not the request": {refused(asid.RulePeer, &asid.RegistryError{Detail: "x"}), 403, "ACCESS_DENIED", "WARN", "peer", true},
		"a configuration":                   {&asid.ConfigError{Field: "secret"}, 500, "INTERNAL_SERVER_ERROR", "ERROR", "config", false},
		"another package's":                 {errors.New("secret"), 500, "INTERNAL_SERVER_ERROR", "ERROR", "internal", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log ledger
			a := authorizer(t)
			a.Logger = log.logger()
			a.InteractionOf = func(*http.Request) (asid.InteractionID, error) { return "", c.err }
			answer := serve(a.Middleware(http.NotFoundHandler()), create())
			assert.Equal(t, c.status, answer.Code)
			if c.code != "" {
				assert.Equal(t, c.code, code(answer.Body.String()))
			}
			assert.Equal(t, c.told, strings.Contains(answer.Body.String(), "is wrong") || strings.Contains(answer.Body.String(), "ASID "), answer.Body)
			assert.NotContains(t, answer.Body.String(), "secret")
			assert.Empty(t, answer.Header().Get("Retry-After"))
			record := log.one(t)
			assert.Equal(t, c.level, record["level"])
			assert.Equal(t, c.rule, record["rule"])
			assert.Equal(t, "request refused", record["msg"])
		})
	}
}

func TestARegistrySaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{
		time.Second: "1", 1500 * time.Millisecond: "2", time.Nanosecond: "1", 0: "", -time.Second: "",
	} {
		a := authorizer(t)
		a.InteractionOf = func(*http.Request) (asid.InteractionID, error) {
			return "", &asid.RegistryError{Detail: "x", Err: away(after)}
		}
		answer := serve(a.Middleware(http.NotFoundHandler()), create())
		assert.Equal(t, http.StatusServiceUnavailable, answer.Code)
		assert.Equal(t, want, answer.Header().Get("Retry-After"), after)
	}
}
