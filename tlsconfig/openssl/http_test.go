// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// serve runs handler behind the engine's listener until the test ends and
// returns its address.
func serve(t testing.TB, e *tlsconfig.Endpoint, handler http.Handler) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l, err := openssl.NewListener(inner, e)
	require.NoError(t, err)
	srv := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	testenv.Serve(t, srv, l)
	return inner.Addr().String()
}

// httpClient dials addr whatever the URL says, as a resolver would.
func httpClient(t testing.TB, e *tlsconfig.Endpoint, addr string) *http.Client {
	t.Helper()
	d, err := openssl.NewDialer(e)
	require.NoError(t, err)
	transport := &http.Transport{
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, addr)
		},
		MaxIdleConnsPerHost: 64,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestHTTPServerAndTransport(t *testing.T) {
	needLibrary(t)
	addr := serve(t, serverEndpoint(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case r.TLS == nil || !r.TLS.HandshakeComplete || len(r.TLS.PeerCertificates) == 0:
			http.Error(w, "r.TLS is not filled", http.StatusInternalServerError)
		default:
			fmt.Fprintf(w, "%s %s %s", r.TLS.PeerCertificates[0].Subject.CommonName, tlsconfig.Suite(r.TLS.CipherSuite), body)
		}
	}))
	client := httpClient(t, clientEndpoint(), addr)
	clients, requests := 50, 20
	if testing.Short() {
		clients, requests = 10, 5
	}
	var wg sync.WaitGroup
	failures := make(chan error, clients)
	for i := range clients {
		wg.Go(func() {
			for j := range requests {
				body := strings.Repeat(fmt.Sprintf("%d/%d ", i, j), 2000)
				resp, err := client.Post("https://"+serverName+"/", "text/plain", strings.NewReader(body))
				if err != nil {
					failures <- err
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if want := clientName + " ECDHE-RSA-AES256-GCM-SHA384 " + body; err != nil || resp.StatusCode != 200 || string(got) != want {
					failures <- fmt.Errorf("%v %v %.100q", err, resp.Status, got)
					return
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

func TestAHandlerNeverSeesARefusedClient(t *testing.T) {
	needLibrary(t)
	addr := serve(t, serverEndpoint(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request of a refused client was handled")
	}))
	cert := spine().Leaf("other.nhs.uk")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: loose(&cert)}}
	defer client.CloseIdleConnections()
	_, err := client.Get("https://" + addr)
	requireAlert(t, 42, err)
}

func TestARefusalReachesTheCallerOfAnHTTPClient(t *testing.T) {
	needLibrary(t)
	addr := serve(t, serverEndpoint(), http.NotFoundHandler())
	e := clientEndpoint()
	e.Verifier.FQDNs = []string{"other.nhs.uk"}
	_, err := httpClient(t, e, addr).Get("https://" + serverName)
	requireRule(t, tlsconfig.RuleFQDN, err)
}

func TestDialContextGivesUpWithItsContext(t *testing.T) {
	needLibrary(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	d, err := openssl.NewDialer(clientEndpoint())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := silent.Accept()
		if err == nil {
			// The hello has come: the dialler waits for the answer.
			_, _ = conn.Read(make([]byte, 1))
			cancel()
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	_, err = d.DialContext(ctx, "tcp", silent.Addr().String())
	require.ErrorIs(t, err, context.Canceled)
	_, err = d.DialContext(t.Context(), "tcp", "no port")
	_, ok := errors.AsType[*net.AddrError](err)
	assert.True(t, ok, "%v", err)
}

func TestTransportMakesAllConnectionsByLibssl(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	addr := serve(t, serverEndpoint(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) }))
	d, err := openssl.NewDialer(clientEndpoint())
	require.NoError(t, err)
	transport := d.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	for range 2 {
		resp, err := client.Get("https://" + addr)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, addr, string(body))
		require.NotNil(t, resp.TLS)
		assert.Equal(t, uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384), resp.TLS.CipherSuite)
		assert.Equal(t, serverName, resp.TLS.PeerCertificates[0].Subject.CommonName)
	}
	_, err = client.Get("http://" + addr)
	assert.ErrorContains(t, err, "libssl")
}

func TestTransportUsesNoProxyOfTheEnvironment(t *testing.T) {
	needLibrary(t)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	addr := serve(t, serverEndpoint(), http.NotFoundHandler())
	d, err := openssl.NewDialer(clientEndpoint())
	require.NoError(t, err)
	transport := d.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := (&http.Client{Transport: transport}).Get("https://" + addr)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func TestTunnelAndTrailingDot(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	e := clientEndpoint()
	e.Verifier.FQDNs = nil // the server must bear the name that was dialled
	d, err := openssl.NewDialer(e)
	require.NoError(t, err)
	inner, err := net.Dial("tcp", serve(t, serverEndpoint(), http.NotFoundHandler()))
	require.NoError(t, err)
	c := d.Client(inner, serverName+".")
	defer c.Close()
	require.NoError(t, c.HandshakeContext(t.Context()))
	assert.Equal(t, serverName, c.ConnectionState().ServerName)
}

func TestClientThatLeavesAtOnceIsNoWarning(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	e, log := serverEndpoint(), newLog()
	e.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	inner, err := net.Dial("tcp", serve(t, e, http.NotFoundHandler()))
	require.NoError(t, err)
	require.NoError(t, inner.Close())
	<-log.more
	assert.Contains(t, log.String(), "level=DEBUG")
	assert.NotContains(t, log.String(), "WARN")
}

// A pipes is a listener whose connections are made of memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// http.Server gives its ReadHeaderTimeout to the request; half a ClientHello comes
// before it, and is ended by the limit of the handshake.
func TestHalfAClientHelloAndHalfAHeaderEnd(t *testing.T) {
	needLibrary(t)
	client, server := clientEndpoint(), serverEndpoint()
	bubble(t, func(t *testing.T, at func(*tlsconfig.Endpoint) *tlsconfig.Endpoint) {
		inner := &pipes{make(chan net.Conn), make(chan struct{})}
		l, err := openssl.NewListener(inner, at(server))
		require.NoError(t, err)
		srv := &http.Server{ReadHeaderTimeout: time.Second, ErrorLog: log.New(io.Discard, "", 0),
			Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("half a request was served") })}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = srv.Serve(l)
		}()
		d, err := openssl.NewDialer(at(client))
		require.NoError(t, err)

		a, b := net.Pipe()
		inner.conns <- b
		start := time.Now()
		_, err = a.Write([]byte{22, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3})
		require.NoError(t, err)
		_, err = io.ReadAll(a)
		assert.NoError(t, err)
		assert.Equal(t, 20*time.Second, time.Since(start))
		a.Close()

		a, b = net.Pipe()
		inner.conns <- b
		c := d.Client(a, serverName)
		_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: "))
		require.NoError(t, err)
		start = time.Now()
		_, err = io.ReadAll(c)
		assert.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(start))
		c.Close()

		require.NoError(t, srv.Close())
		<-ended
	})
}
