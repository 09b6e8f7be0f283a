// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

const sspName = "msg.int.spine2.ncrs.nhs.uk"

func retrieval() *http.Request {
	return asidtest.NewSSPRequest("/records/1", consumer, provider.ASID, sspName)
}

func TestTheGateLetsTheSSPsRequestsPass(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	var forwarded *asid.Forwarded
	handler := gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forwarded, _ = asid.ForwardedFrom(r.Context())
		_, authorised := asid.CallerFrom(r.Context())
		assert.False(t, authorised, "what the SSP forwards authorises no system here")
		io.WriteString(w, "record")
	}))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r := retrieval()
		r.Method = method
		w := serve(handler, r)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		assert.Equal(t, []string{"no-store"}, w.Header()["Cache-Control"])
		require.NotNil(t, forwarded)
		assert.Equal(t, consumer.ASID, forwarded.From)
		assert.Equal(t, provider.ASID, forwarded.To)
		assert.Equal(t, asid.DocumentReferenceContentRead, forwarded.Interaction)
		assert.Equal(t, r.Header.Get("Ssp-TraceID"), forwarded.TraceID)
		assert.Contains(t, forwarded.Token.User, asidtest.User)
	}
	var record map[string]any
	require.NoError(t, json.NewDecoder(&log).Decode(&record))
	assert.Equal(t, "request authorised", record["msg"])
	assert.Equal(t, consumer.ASID.String(), record["from"])
	assert.Equal(t, sspName, record["fqdn"])
	assert.Equal(t, forwarded.TraceID[14:15], "4")
	assert.Contains(t, record, "trace")
}

func TestTheGateRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   string
		text   string
	}{
		"Ssp-From missing":        {set("Ssp-From"), "MISSING_OR_INVALID_HEADER", "Ssp-From HTTP Header is missing"},
		"Ssp-From twice":          {set("Ssp-From", "928942012545", "928942012545"), "MISSING_OR_INVALID_HEADER", "Ssp-From HTTP Header is there 2 times"},
		"Ssp-From with a stop":    {set("Ssp.From", "928942012545"), "MISSING_OR_INVALID_HEADER", "Ssp-From HTTP Header is there under another spelling"},
		"Ssp-From malformed":      {set("Ssp-From", "92894201254"), "MISSING_OR_INVALID_HEADER", "Ssp-From"},
		"Ssp-To missing":          {set("Ssp-To"), "MISSING_OR_INVALID_HEADER", "Ssp-To HTTP Header is missing"},
		"Ssp-To another system's": {set("Ssp-To", "928942012545"), "MISSING_OR_INVALID_HEADER", "Ssp-To HTTP Header is not the ASID of this system"},
		"interaction missing":     {set("Ssp-InteractionID"), "MISSING_OR_INVALID_HEADER", "Ssp-InteractionID HTTP Header is missing"},
		"interaction not a URN":   {set("Ssp-InteractionID", "read"), "MISSING_OR_INVALID_HEADER", "Ssp-InteractionID"},
		"interaction of others":   {set("Ssp-InteractionID", string(asid.DocumentReferenceRead)), "MISSING_OR_INVALID_HEADER", "not that of the request"},
		"interaction in capitals": {set("Ssp-InteractionID", strings.ToUpper(string(asid.DocumentReferenceContentRead))), "MISSING_OR_INVALID_HEADER", "not that of the request"},
		"trace missing":           {set("Ssp-TraceID"), "MISSING_OR_INVALID_HEADER", "Ssp-TraceID HTTP Header is missing"},
		"trace not a UUID":        {set("Ssp-TraceID", "1"), "MISSING_OR_INVALID_HEADER", "Ssp-TraceID HTTP Header is not a UUID"},
		"trace of the connection": {set("Connection", "ssp_traceid"), "MISSING_OR_INVALID_HEADER", "Ssp-TraceID HTTP Header is one that Connection"},
		"token missing":           {set("Authorization"), "MISSING_OR_INVALID_HEADER", "The Authorisation header must be supplied"},
		"token malformed":         {set("Authorization", "Bearer a.b."), "MISSING_OR_INVALID_HEADER", "malformed header"},
		"token signed":            {set("Authorization", "Bearer a.b.c"), "MISSING_OR_INVALID_HEADER", "signed"},
		"no certificate":          {func(r *http.Request) { r.TLS.PeerCertificates = nil }, "ACCESS_DENIED", "the peer could not be verified"},
		"POST":                    {func(r *http.Request) { r.Method = http.MethodPost }, "BAD_REQUEST", "method"},
		"DELETE":                  {func(r *http.Request) { r.Method = http.MethodDelete }, "BAD_REQUEST", "method"},
	} {
		t.Run(name, func(t *testing.T) {
			r := retrieval()
			c.change(r)
			w := serve((&asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}).Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the handler was called")
			})), r)
			assert.Equal(t, c.want, code(w.Body.String()))
			assert.Contains(t, w.Body.String(), c.text)
			assert.Equal(t, []string{"no-store"}, w.Header()["Cache-Control"])
		})
	}
}

func TestAGateOfAnotherInteractionTakesItsMethods(t *testing.T) {
	t.Parallel()
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Interaction: "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getcarerecord"}
	handler := gate.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := retrieval()
	r.Method = http.MethodPost
	assert.Equal(t, http.StatusBadRequest, serve(handler, r).Code)
	r.Header.Set("Ssp-InteractionID", string(gate.Interaction))
	assert.Equal(t, http.StatusOK, serve(handler, r).Code)
}

func TestAHandlerThatWritesNothingIsNotStoredEither(t *testing.T) {
	t.Parallel()
	for _, log := range []*slog.Logger{nil, slog.New(slog.DiscardHandler)} {
		gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log}
		w := serve(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public")
		})), retrieval())
		assert.Equal(t, []string{"no-store"}, w.Header()["Cache-Control"], "recorded: %t", log != nil)
	}
}

func TestWhatAHandlerWritesIntoItsHeaderIsNoOtherAnswers(t *testing.T) {
	t.Parallel()
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}
	serve(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.Header()["Cache-Control"][0] = "public"
	})), retrieval())
	assert.Equal(t, []string{"no-store"}, serve(gate.Middleware(http.NotFoundHandler()), retrieval()).Header()["Cache-Control"])
}

// Some servers read no body of a GET, and take what is there for the next request, which
// nothing has judged (RFC 9110 section 9.3.1).
func TestTheBodyOfAReadDoesNotGoOn(t *testing.T) {
	t.Parallel()
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}}
	read := asidtest.NewRequest(http.MethodGet, "/STU3/DocumentReference/1", provider, nrl)
	for name, c := range map[string]struct {
		guard func(http.Handler) http.Handler
		r     *http.Request
	}{"a gate": {gate.Middleware, retrieval()}, "an authorizer": {authorizer(t).Middleware, read}} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for _, length := range []int64{-1, 4} {
				r := c.r.Clone(t.Context())
				r.Method, r.Body, r.ContentLength = method, io.NopCloser(strings.NewReader("body")), length
				r.Header.Set("Content-Length", "4")
				r.TransferEncoding, r.Trailer = []string{"chunked"}, http.Header{"X": nil}
				called := false
				w := serve(c.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					called = true
					body, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					assert.Empty(t, body)
					assert.Zero(t, r.ContentLength)
					assert.Empty(t, r.TransferEncoding)
					assert.Empty(t, r.Trailer)
					assert.NotContains(t, r.Header, "Content-Length")
					assert.Contains(t, r.Header, "Authorization")
				})), r)
				assert.True(t, called, "%s: %s", name, w.Body)
				assert.Equal(t, "4", r.Header.Get("Content-Length"), "of the request itself")
			}
		}
	}
}

func TestTheZeroGateRefusesEverything(t *testing.T) {
	t.Parallel()
	_, ok := errors.AsType[*asid.ConfigError]((&asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Interaction: "read"}).Validate())
	assert.True(t, ok, "an interaction that no request can have")
	w := serve((&asid.Gate{}).Middleware(http.NotFoundHandler()), retrieval())
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, []string{"no-store"}, w.Header()["Cache-Control"])
}

// gated serves handler behind a gate over plain HTTP, with the TLS state that a
// proxy would report, so that the answers are those of a server of net/http.
func gated(t *testing.T, handler http.HandlerFunc, onError func(http.ResponseWriter, *http.Request, error)) func() *http.Response {
	gate := &asid.Gate{
		Self: provider.ASID, Peers: peerIs{certificate(sspName)}, ErrorHandler: onError,
	}
	server := httptest.NewServer(gate.Middleware(handler))
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func() *http.Response {
		r := newRequest(t, http.MethodGet, server.URL+"/records/1")
		r.Header = retrieval().Header
		if onError != nil {
			r.Header.Del("Ssp-From")
		}
		resp, err := client.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
}

func TestNoAnswerMayBeStoredWhateverTheHandlerDoes(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "record.json")
	require.NoError(t, os.WriteFile(name, []byte(`{"a":1}`), 0o600))
	public := func(w http.ResponseWriter) { w.Header().Set("Cache-Control", "public, max-age=3600") }
	for name, handler := range map[string]http.HandlerFunc{
		"writes nothing":        func(w http.ResponseWriter, _ *http.Request) { public(w) },
		"writes only a body":    func(w http.ResponseWriter, _ *http.Request) { public(w); io.WriteString(w, "x") },
		"writes a status":       func(w http.ResponseWriter, _ *http.Request) { public(w); w.WriteHeader(http.StatusTeapot) },
		"writes an empty body":  func(w http.ResponseWriter, _ *http.Request) { public(w); w.Write(nil) },
		"takes the header away": func(w http.ResponseWriter, _ *http.Request) { w.Header().Del("Cache-Control"); w.WriteHeader(200) },
		"sets it raw": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["cache-control"] = []string{"public"}
			w.WriteHeader(200)
		},
		"adds to it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Cache-Control", "public")
			w.WriteHeader(200)
		},
		"flushes first":         func(w http.ResponseWriter, _ *http.Request) { public(w); w.(http.Flusher).Flush() },
		"flushes by controller": func(w http.ResponseWriter, _ *http.Request) { public(w); http.NewResponseController(w).Flush() },
		"copies":                func(w http.ResponseWriter, _ *http.Request) { public(w); io.Copy(w, strings.NewReader("x")) },
		"serves a file":         func(w http.ResponseWriter, r *http.Request) { public(w); http.ServeFile(w, r, name) },
		"sends early hints":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); public(w); io.WriteString(w, "x") },
		"fails":                 func(w http.ResponseWriter, _ *http.Request) { public(w); http.Error(w, "x", http.StatusNotFound) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			public(w)
			http.Redirect(w, r, "https://x", http.StatusSeeOther)
		},
		"changes its mind too late": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "x")
			public(w)
			io.WriteString(w, "y")
		},
		"changes its mind as it is read": func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, io.LimitReader(readerFunc(func(p []byte) (int, error) { public(w); return copy(p, "x"), nil }), 3))
		},
		"copies what cannot be read": func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, broken{}); public(w); io.WriteString(w, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			get := gated(t, handler, nil)
			resp := get()
			assert.Equal(t, []string{"no-store"}, resp.Header["Cache-Control"])
		})
	}
	t.Run("an error handler of one's own", func(t *testing.T) {
		resp := gated(t, nil, func(w http.ResponseWriter, _ *http.Request, err error) {
			public(w)
			http.Error(w, err.Error(), http.StatusForbidden)
		})()
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
		assert.Equal(t, []string{"no-store"}, resp.Header["Cache-Control"])
	})
}

// http.TimeoutHandler's writer cannot flush, so that the header is not sent yet.
func TestAFlushThatIsNotSupportedSendsNothing(t *testing.T) {
	t.Parallel()
	var log ledger
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger()}
	handler := gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.ErrorIs(t, http.NewResponseController(w).Flush(), http.ErrNotSupported)
		w.Header().Set("Cache-Control", "public")
		w.WriteHeader(http.StatusNotFound)
	}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(struct{ http.ResponseWriter }{w}, retrieval())
	assert.Equal(t, http.StatusNotFound, w.Code)
	assert.Equal(t, []string{"no-store"}, w.Header()["Cache-Control"])
	assert.EqualValues(t, http.StatusNotFound, log.one(t)["status"])
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestHandlersBehindTheGateKeepTheirDeadlinesButNotTheConnection(t *testing.T) {
	t.Parallel()
	resp := gated(t, func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		assert.NoError(t, c.SetReadDeadline(time.Time{}))
		assert.NoError(t, c.SetWriteDeadline(time.Time{}))
		assert.NoError(t, c.EnableFullDuplex())
		_, _, err := c.Hijack()
		assert.ErrorIs(t, err, http.ErrNotSupported)
		w.WriteHeader(http.StatusNoContent)
	}, nil)()
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
}
