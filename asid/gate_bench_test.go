// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// nothing is a ResponseWriter that costs nothing.
type nothing struct{ header http.Header }

func (n *nothing) Header() http.Header         { return n.header }
func (n *nothing) Write(p []byte) (int, error) { return len(p), nil }
func (n *nothing) WriteHeader(int)             {}

func benchGate(logger *slog.Logger) *asid.Gate {
	return &asid.Gate{Self: provider.ASID, Peers: peerIs{certificate(sspName)}, Logger: logger}
}

// BenchmarkGate is what a Gate adds to a request over calling the handler.
func BenchmarkGate(b *testing.B) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"bare", answer},
		{"gate", benchGate(nil).Middleware(answer)},
		{"gate and audit", benchGate(logger).Middleware(answer)},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, w := retrieval(), &nothing{header: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				c.handler.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkGateServer compares keep-alive requests a second through a Gate with
// those of the same net/http server without it, turn by turn.
func BenchmarkGateServer(b *testing.B) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "record") })
	bare := newExchange(b, answer)
	gated := newExchange(b, benchGate(nil).Middleware(answer))
	var bareTook, gatedTook []float64
	const requests = 500
	for b.Loop() {
		for _, run := range []struct {
			exchange func()
			took     *[]float64
		}{{bare, &bareTook}, {gated, &gatedTook}} {
			start := time.Now()
			for range requests {
				run.exchange()
			}
			*run.took = append(*run.took, requests/time.Since(start).Seconds())
		}
	}
	slices.Sort(bareTook)
	slices.Sort(gatedTook)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bareTook[len(bareTook)/2], "bare-req/s")
	b.ReportMetric(gatedTook[len(gatedTook)/2], "gate-req/s")
	b.ReportMetric(gatedTook[len(gatedTook)/2]/bareTook[len(bareTook)/2], "gate/bare")
}

// newExchange returns one exchange on a keep-alive connection to a server of
// handler, whose client costs as little as it can.
func newExchange(b *testing.B, handler http.Handler) func() {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	pipe, w := io.Pipe()
	r := retrieval()
	go func() {
		r.Write(w)
		w.Close()
	}()
	request, err := io.ReadAll(pipe)
	if err != nil {
		b.Fatal(err)
	}
	answer := make([]byte, 4096)
	return func() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		// Answers of this size come in one piece.
		n, err := conn.Read(answer)
		if err != nil || string(answer[:15]) != "HTTP/1.1 200 OK" {
			b.Fatal(string(answer[:n]), err)
		}
	}
}
