// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// ledger is a log that notes the span that each record's context has.
type ledger struct {
	slog.Handler
	mu    sync.Mutex
	spans map[string][]trace.SpanContext // by the record's message
}

func newLedger() *ledger {
	return &ledger{Handler: slog.NewTextHandler(io.Discard, nil), spans: make(map[string][]trace.SpanContext)}
}

func (l *ledger) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spans[r.Message] = append(l.spans[r.Message], trace.SpanContextFromContext(ctx))
	return nil
}

// sspPeers takes every connection for the SSP's.
type sspPeers struct{}

func (sspPeers) Peer(*http.Request) (*x509.Certificate, error) { return newNamed(), nil }

// TestOpenTelemetry traces a retrieval whose first attempt fails: around a Retry,
// under a Transport, and through a Gate.
func TestOpenTelemetry(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	options := []otelhttp.Option{
		otelhttp.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))),
		otelhttp.WithPropagators(propagation.TraceContext{}),
	}
	provider := asid.MustParseID("200000000205")
	log := newLedger()
	gate := &asid.Gate{Self: provider, Peers: sspPeers{}, Logger: slog.New(log)}
	attempts := 0
	server := httptest.NewTLSServer(otelhttp.NewHandler(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if attempts++; attempts == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, trace.SpanContextFromContext(r.Context()).TraceID().String())
	})), "gate", options...))
	defer server.Close()

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := &asid.Transport{
		From: asid.MustParseID("928942012545"), To: provider, Protocol: asid.SSP, Logger: slog.New(log),
		Claims: asid.Claims{Organization: ods("AMS01"), User: "1"},
		Base:   otelhttp.NewTransport(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, options...),
	}
	retry := &asid.Retry{Base: transport, Sleep: func(context.Context, time.Duration) error { return nil }}
	client := &http.Client{Transport: otelhttp.NewTransport(retry, options...)}
	resp, err := client.Get(server.URL + "/records/1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	server.Close()

	traced := spans.GetSpans()
	byID := make(map[trace.SpanID]tracetest.SpanStub)
	var first []tracetest.SpanStub
	for _, s := range traced {
		byID[s.SpanContext.SpanID()] = s
		if !s.Parent.IsValid() {
			first = append(first, s)
		}
	}
	if len(first) != 1 || first[0].SpanContext.TraceID().String() != string(text) {
		t.Fatalf("the answer names trace %s, and %d spans have no parent", text, len(first))
	}
	// The request as a whole, two attempts, and each of these as the server saw it.
	if len(traced) != 5 {
		t.Errorf("%d spans, not 5", len(traced))
	}
	depths := make(map[int]int)
	for _, s := range traced {
		depth := 0
		for p := s; p.Parent.IsValid(); depth++ {
			p = byID[p.Parent.SpanID()]
		}
		depths[depth]++
	}
	if depths[0] != 1 || depths[1] != 2 || depths[2] != 2 {
		t.Errorf("spans by depth: %v", depths)
	}
	for message, want := range map[string]int{"request answered": 2, "request authorised": 2} {
		if got := log.spans[message]; len(got) != want {
			t.Errorf("%d records %q, not %d", len(got), message, want)
		}
		for _, span := range log.spans[message] {
			if span.TraceID().String() != string(text) {
				t.Errorf("a record %q is of trace %s", message, span.TraceID())
			}
		}
	}
}

func ods(s string) asid.ODSCode {
	code, err := asid.ParseODSCode(s)
	check(err)
	return code
}
