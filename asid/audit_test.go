// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// A ledger is a log that is read record by record.
type ledger struct{ bytes.Buffer }

func (l *ledger) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// one returns the only record of the ledger, and empties it.
func (l *ledger) one(t *testing.T) map[string]any {
	t.Helper()
	require.Equal(t, 1, strings.Count(l.String(), "\n"), l.String())
	var record map[string]any
	require.NoError(t, json.Unmarshal(l.Bytes(), &record))
	l.Reset()
	return record
}

func TestPatientsAreRecordedOnlyWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	var log ledger
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger()}
	r := asidtest.NewSSPRequest("/records/9434765919/%209434765919?nhs=9434765919", consumer, provider.ASID, sspName)
	serve(gate.Middleware(http.NotFoundHandler()), r.WithContext(asid.WithSubject(r.Context(), asid.Subject{NHSNumber: "9434765919"})))
	assert.NotContains(t, log.String(), "9434765919")
	assert.Equal(t, "/records/**********/%20**********", log.one(t)["path"])
}

// A store that has no log of its own, such as one that was given a change past its guard,
// would else answer 500 without a word anywhere.
func TestWhatAHandlerRefusesByWriteErrorIsInTheRecord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err        error
		rule, text any
	}{
		"a configuration":       {fmt.Errorf("store: %w", &asid.ConfigError{Field: "Store", Detail: "has no guard for 9434765919"}), "config", "Store has no guard for **********"},
		"a request":             {&asid.RequestError{Rule: asid.RuleRequest, Detail: "has no body"}, "request", "the request has no body"},
		"an error of another's": {errors.New("row of John Smith"), "internal", nil},
	} {
		var log ledger
		gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger()}
		records := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asid.WriteError(w, r, c.err)
			asid.WriteError(w, r, &asid.ConfigError{Field: "Second"}) // the first counts
		})
		serve(gate.Middleware(records), asidtest.NewSSPRequest("/records/1", consumer, provider.ASID, sspName))
		record := log.one(t)
		assert.Equal(t, c.rule, record["rule"], name)
		assert.Equal(t, c.text, record["error"], name)
	}
}

func TestAQueryIsRecordedOnlyWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	for policy, want := range map[*asid.Audit]any{
		nil: nil, {}: nil, {IncludeNHSNumbers: true, IncludeBodies: 9}: nil, {IncludeQueries: true}: "a=**********", {IncludeQueries: true, IncludeNHSNumbers: true}: "a=9434765919",
	} {
		var log ledger
		gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger(), Audit: policy}
		serve(gate.Middleware(http.NotFoundHandler()), asidtest.NewSSPRequest("/records/1?a=9434765919", consumer, provider.ASID, sspName))
		assert.Equal(t, want, log.one(t)["query"])
	}
}

func TestAnErrorsTextIsNoWayRoundTheMask(t *testing.T) {
	t.Parallel()
	const search = "https://nrl.test/STU3/DocumentReference?subject=https://demographics.spineservices.nhs.uk/STU3/Patient/9434765919"
	for policy, shown := range map[*asid.Audit]bool{nil: false, {}: false, {IncludeNHSNumbers: true}: true} {
		var log ledger
		transport := &asid.Transport{
			From: consumer.ASID, To: nrl, Claims: asid.Claims{Organization: ods("AMS01"), User: "1"}, Logger: log.logger(), Audit: policy,
			Base: roundTripper(func(*http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Get", URL: search, Err: io.ErrUnexpectedEOF}
			}),
		}
		_, err := transport.RoundTrip(newRequest(t, "GET", search))
		require.ErrorContains(t, err, "9434765919", "what the caller gets")
		assert.Equal(t, shown, strings.Contains(log.String(), "9434765919"))
		assert.Contains(t, log.one(t)["error"], "unexpected EOF")

		a := authorizer(t)
		a.Logger, a.Audit = log.logger(), policy
		r := create()
		r.Header.Set("InteractionID", "urn:nhs:names:9434765919")
		serve(a.Middleware(http.NotFoundHandler()), r)
		assert.Equal(t, shown, strings.Contains(log.String(), "9434765919"), log.String())
		assert.Contains(t, log.one(t)["error"], "is not that of the request")
	}
}

func TestTheRecordIsOfTheRequestAsItCameAndTheAnswerAsItWent(t *testing.T) {
	t.Parallel()
	var log ledger
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger(), Audit: &asid.Audit{IncludeQueries: true, IncludeNHSNumbers: true}}
	r := asidtest.NewSSPRequest("/records/1?patient=9434765919", consumer, provider.ASID, sspName)
	serve(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/store/7", "", "id=7" // as some routers do
		w.Header().Set("ETag", `W/"3"`)
		w.Header().Set("Location", "/STU3/DocumentReference/3")
		w.WriteHeader(http.StatusOK)
		w.Header().Set("ETag", `W/"4"`)
		w.Header().Set("Location", "/STU3/DocumentReference/4")
	})), r)
	record := log.one(t)
	for key, want := range map[string]any{
		"path": "/records/1", "query": "patient=9434765919", "patient": "9434765919", "version": `W/"3"`, "pointer": "3",
	} {
		assert.Equal(t, want, record[key], key)
	}
}

func TestARequestWithoutAURLIsRefusedAndRecorded(t *testing.T) {
	t.Parallel()
	var log ledger
	var sent *http.Request
	transport := through(&sent)
	transport.Logger = log.logger()
	_, err := transport.RoundTrip(&http.Request{Method: http.MethodGet})
	requestError(t, err)
	assert.Contains(t, log.one(t)["error"], "not https with a host")
}

func TestAPointersPathIsNoWayRoundTheMask(t *testing.T) {
	t.Parallel()
	var log ledger
	a := authorizer(t)
	a.Logger = log.logger()
	serve(a.Middleware(http.NotFoundHandler()), asidtest.NewRequest("GET", "/STU3/DocumentReference/9434765919", provider, nrl))
	assert.NotContains(t, log.String(), "9434765919")
}

func TestWhatReachesAHandlerHasOneBoundedRecord(t *testing.T) {
	t.Parallel()
	var log ledger
	a := authorizer(t)
	a.Logger = log.logger()
	huge := strings.Repeat("x", 1<<20)
	for name, change := range map[string]func(*http.Request){
		"a huge ASID":          func(r *http.Request) { r.Header.Set("fromASID", huge) },
		"a huge token":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+huge) },
		"a huge interaction":   func(r *http.Request) { r.Header.Set("InteractionID", "urn:nhs:"+huge) },
		"a huge path":          func(r *http.Request) { r.URL.Path = "/" + huge },
		"a huge method":        func(r *http.Request) { r.Method = huge },
		"a huge query":         func(r *http.Request) { r.URL.RawQuery = huge },
		"a huge header":        func(r *http.Request) { r.Header.Set("X", huge) },
		"many headers":         func(r *http.Request) { r.Header["Fromasid"] = make([]string, 10_000) },
		"a line break":         func(r *http.Request) { r.Header.Set("fromASID", "1\nlevel=ERROR") },
		"a NUL":                func(r *http.Request) { r.Header.Set("fromASID", "1\x002") },
		"a path with a break":  func(r *http.Request) { r.URL.Path = "/a\nb" },
		"a method with breaks": func(r *http.Request) { r.Method = "GET\r\nX" },
		"an address":           func(r *http.Request) { r.RemoteAddr = huge },
		"an escape":            func(r *http.Request) { r.Method = "\x1b[2J" },
		"octets":               func(r *http.Request) { r.Header.Set("InteractionID", "urn:nhs:\xff\xfe") },
		"a direction mark":     func(r *http.Request) { r.Method = "\u202e" },
		"names":                func(r *http.Request) { r.TLS.PeerCertificates[0] = withSAN(strings.Split(huge[:200_000], "xxxx")...) },
		"a token's user": func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+jwt(unsigned, `{"requesting_user":"https://fhir.nhs.uk/Id/sds-role-profile-id|1\nx"}`))
		},
		"a token's long user": func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+jwt(unsigned, `{"requesting_user":"https://fhir.nhs.uk/Id/sds-role-profile-id|`+huge[:5000]+`"}`))
		},
		"nothing": func(*http.Request) {},
	} {
		r := create()
		change(r)
		serve(a.Middleware(http.NotFoundHandler()), r)
		assert.Less(t, log.Len(), 4000, name)
		log.one(t)
	}
}

func TestPanicsAndAttemptsToTakeTheConnectionAreRecorded(t *testing.T) {
	t.Parallel()
	var log ledger
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger()}
	for value, aborted := range map[any]string{"a panic": "panic", http.ErrAbortHandler: "abort"} {
		assert.PanicsWithValue(t, value, func() {
			serve(gate.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(value) })), retrieval())
		})
		assert.Equal(t, aborted, log.one(t)["aborted"])
	}
	serve(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _, err := http.NewResponseController(w).Hijack()
		assert.ErrorIs(t, err, http.ErrNotSupported)
	})), retrieval())
	assert.Equal(t, "hijack", log.one(t)["aborted"])
}

type panicking struct{}

func (panicking) Lookup(context.Context, asid.ID) (*asid.System, error) { panic("a registry") }

func TestAPanicOfARegistryIsRecordedAsARefusal(t *testing.T) {
	t.Parallel()
	var log ledger
	a := authorizer(t)
	a.Registry, a.Logger = panicking{}, log.logger()
	assert.PanicsWithValue(t, "a registry", func() { serve(a.Middleware(http.NotFoundHandler()), create()) })
	record := log.one(t)
	assert.Equal(t, "panic", record["aborted"])
	assert.Equal(t, "request refused", record["msg"])
	assert.Equal(t, "internal", record["rule"])
	assert.Equal(t, provider.ASID.String(), record["from"])

	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Tokens: asid.TokenAgreement, Registry: panicking{}, Logger: log.logger()}
	assert.PanicsWithValue(t, "a registry", func() { serve(gate.Middleware(http.NotFoundHandler()), retrieval()) })
	record = log.one(t)
	assert.Equal(t, "panic", record["aborted"])
	assert.Equal(t, "request refused", record["msg"])
}

func TestTheRecordHasTheStatusThatWasSent(t *testing.T) {
	t.Parallel()
	var log ledger
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger()}
	for want, statuses := range map[float64][]int{
		200: nil, 101: {101}, 204: {204}, 404: {103, 404}, 500: {500, 200}, 201: {100, 102, 201},
	} {
		serve(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, status := range statuses {
				w.WriteHeader(status)
			}
		})), retrieval())
		assert.Equal(t, want, log.one(t)["status"], statuses)
	}
}

// The client may have gone when the record is written, and its request's context
// with it.
func TestARecordIsWrittenWhateverBecameOfTheRequest(t *testing.T) {
	t.Parallel()
	type key struct{}
	var states []error
	var values []any
	logger := slog.New(handlerFunc(func(ctx context.Context, _ slog.Record) error {
		states, values = append(states, ctx.Err()), append(values, ctx.Value(key{}))
		return nil
	}))
	parent := context.WithValue(t.Context(), key{}, "the request's")
	ctx, cancel := context.WithCancel(parent)
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: logger}
	serve(gate.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() })), retrieval().WithContext(ctx))

	ctx, cancel = context.WithCancel(parent)
	var sent *http.Request
	transport := through(&sent)
	transport.Logger = logger
	transport.Base = roundTripper(func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, context.Canceled
	})
	_, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://p1.nhs.uk/records/1").WithContext(ctx))
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []error{nil, nil}, states)
	assert.Equal(t, []any{"the request's", "the request's"}, values, "a handler finds its trace in it")
}

// A handlerFunc is a slog.Handler of one function.
type handlerFunc func(context.Context, slog.Record) error

func (h handlerFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (h handlerFunc) Handle(ctx context.Context, r slog.Record) error { return h(ctx, r) }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler              { return h }
func (h handlerFunc) WithGroup(string) slog.Handler                   { return h }

func TestAChangeMayBeMadeToWaitForItsRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // a record that comes too late is written beside the next one
		var messages []string
		fails := func(context.Context, slog.Record) error { return nil }
		policy := &asid.Audit{Intent: true}
		a := authorizer(t)
		a.Audit = policy
		a.Logger = slog.New(handlerFunc(func(ctx context.Context, r slog.Record) error {
			mu.Lock()
			messages = append(messages, r.Message)
			mu.Unlock()
			return fails(ctx, r)
		}))
		called := false
		handler := a.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))

		assert.Equal(t, http.StatusOK, serve(handler, create()).Code)
		assert.Equal(t, []string{"request begins", "request authorised"}, messages)
		assert.True(t, called)

		for _, method := range []string{"GET", "HEAD"} {
			messages = nil
			serve(handler, asidtest.NewRequest(method, "/STU3/DocumentReference/1", provider, nrl))
			assert.Equal(t, []string{"request authorised"}, messages, "what changes nothing waits for nothing")
		}

		called, fails = false, func(context.Context, slog.Record) error { return errors.New("the disk is full") }
		assert.Equal(t, http.StatusServiceUnavailable, serve(handler, create()).Code)
		assert.False(t, called)
		assert.Equal(t, uint64(2), policy.Failures(), "the intent and the refusal")

		fails = func(ctx context.Context, r slog.Record) error {
			if r.Message == "request begins" {
				<-ctx.Done()
				return nil // too late
			}
			return nil
		}
		for set, want := range map[time.Duration]time.Duration{0: 5 * time.Second, -1: 5 * time.Second, time.Minute: time.Minute} {
			policy.IntentTimeout = set
			start := time.Now()
			assert.Equal(t, http.StatusServiceUnavailable, serve(handler, create()).Code)
			assert.Equal(t, want, time.Since(start))
		}
		assert.False(t, called)
	})
}
