// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// A fickle server answers the first request on each connection, and closes the
// connection when it has read the second.
type fickle struct {
	address  string
	requests chan *http.Request
}

func newFickle(t *testing.T) *fickle {
	f := &fickle{requests: make(chan *http.Request, 16)}
	f.address = testenv.Accept(t, f.serve)
	return f
}

func (f *fickle) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for n := range 2 {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		f.requests <- r
		if n == 0 {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	}
}

// An http.Transport sends a GET again by itself when the old connection of a
// request ends without an answer: the same request, with its token and trace id.
// For all that is further up it is one request.
func TestWhatTheBaseSendsAgainIsTheSameRequest(t *testing.T) {
	t.Parallel()
	server := newFickle(t)
	base := &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.address)
	}}
	defer base.CloseIdleConnections()
	var log ledger
	var seconds atomic.Int64 // each token has another time
	transport := &asid.Transport{
		From: provider.ASID, To: provider.ASID, Protocol: asid.SSP, Base: base, Logger: log.logger(),
		Claims: asid.Claims{Organization: ods("RR8"), User: "1"},
		Time:   func() time.Time { return issued.Add(time.Duration(seconds.Add(1)) * time.Second) },
	}
	get := func() error {
		resp, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://nrl.test/records/1"))
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	require.NoError(t, get())
	first := <-server.requests
	log.one(t)

	require.NoError(t, get())
	second, again := <-server.requests, <-server.requests
	assert.Equal(t, second.Header, again.Header)
	for _, name := range []string{"Authorization", "Ssp-TraceID"} {
		assert.NotEqual(t, first.Header.Get(name), second.Header.Get(name), "%s is not another request's", name)
	}
	assert.Equal(t, again.Header.Get("Ssp-TraceID"), log.one(t)["trace"], "it is one request, and has one record")

	// What changes something is not sent again, by the Base or by a Retry.
	retry := &asid.Retry{Base: transport, Sleep: func(context.Context, time.Duration) error { return nil }}
	transport.Interaction = asid.DocumentReferenceCreate
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://nrl.test/STU3/DocumentReference", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = retry.RoundTrip(r)
	assert.Error(t, err)
	assert.Equal(t, http.MethodPost, (<-server.requests).Method)
	assert.Empty(t, server.requests)
	log.one(t)
}
