// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// amount reads a size of the soak from the environment.
func amount(t *testing.T, variable string, small int64) int64 {
	text := os.Getenv(variable)
	if text == "" {
		return small
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, variable)
	return n
}

// TestSoak makes SOAK_HANDSHAKES handshakes, 64 at a time, a third of them bad
// in every way there is, and sends SOAK_BYTES. What the process holds at the end
// is compared with what it held after the first twentieth.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("opens and closes thousands of connections")
	}
	needLibrary(t)
	handshakes, bulk := amount(t, "SOAK_HANDSHAKES", 600), amount(t, "SOAK_BYTES", 64<<20)
	const atATime = 64

	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l, err := openssl.NewListener(inner, serverEndpoint())
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	addr := inner.Addr().String()

	good := make([]*openssl.Dialer, 0, 8)
	for _, suite := range tlsconfig.Suites() {
		e := clientEndpoint()
		e.Suites = []tlsconfig.Suite{suite}
		d, err := openssl.NewDialer(e)
		require.NoError(t, err)
		good = append(good, d)
	}
	bad := soakBad(t)

	var failed atomic.Pointer[error]
	run := func(from, to int64) {
		var next atomic.Int64
		next.Store(from)
		var wg sync.WaitGroup
		for range atATime {
			wg.Go(func() {
				for {
					i := next.Add(1) - 1
					if i >= to || failed.Load() != nil {
						return
					}
					var err error
					if i%3 == 0 {
						err = bad[i/3%int64(len(bad))](t.Context(), addr)
					} else {
						err = echo(t.Context(), good[i%int64(len(good))], addr)
					}
					if err != nil {
						err = fmt.Errorf("handshake %d: %w", i, err)
						failed.Store(&err)
					}
				}
			})
		}
		wg.Wait()
	}
	warm := handshakes / 20
	run(0, warm)
	before := holdings(t)
	t.Logf("after %d handshakes: %v", warm, before)
	const parts = 4
	var after holding
	for part := range int64(parts) {
		to := warm + (handshakes-warm)*(part+1)/parts
		run(warm+(handshakes-warm)*part/parts, to)
		after = holdings(t)
		t.Logf("after %d handshakes: %v", to, after)
	}
	if err := failed.Load(); err != nil {
		t.Error(*err)
	}

	c, s := established(t)
	sum := make(chan int64, 1)
	go func() { n, _ := io.Copy(io.Discard, struct{ io.Reader }{s}); sum <- n }()
	block := make([]byte, 64<<10)
	sent := int64(0)
	for sent < bulk {
		n, err := c.Write(block)
		require.NoError(t, err)
		sent += int64(n)
	}
	require.NoError(t, c.CloseWrite())
	assert.Equal(t, sent, <-sum)
	afterBulk := holdings(t)
	c.Close()
	s.Close()

	l.Close()
	served.Wait()
	end := openssl.Live()
	assert.Zero(t, end["SSL"])
	assert.Zero(t, end["BIO"])
	assert.Zero(t, end["X509"])
	assert.Zero(t, end["EVP_PKEY"])
	t.Logf("after %d bytes: %v", sent, afterBulk)
	if warm < 5000 {
		return // too few for the libraries' own caches to have been filled
	}
	if !raceDetector { // which remembers more the longer it runs
		assert.LessOrEqual(t, float64(afterBulk.rss), 1.2*float64(before.rss))
	}
	// The runtime keeps a thread for each call of C that was ever interrupted at the same time.
	assert.LessOrEqual(t, after.threads, before.threads+8)
	assert.LessOrEqual(t, after.descriptors, before.descriptors+4)
}

// soakBad are ways to fail a handshake with the server at addr.
func soakBad(t *testing.T) []func(ctx context.Context, addr string) error {
	var ways []func(ctx context.Context, addr string) error
	refused := func(cfg *tls.Config) {
		ways = append(ways, func(ctx context.Context, addr string) error {
			conn, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", addr)
			if err == nil {
				// The client's Finished comes before the server's verdict on none in TLS 1.2: it must not have come to this.
				conn.Close()
				return errors.New("a bad client completed its handshake")
			}
			return nil
		})
	}
	for _, b := range badPeers {
		cert := b.cert(spine(), clientName)
		refused(loose(&cert))
	}
	refused(loose(nil))
	old := loose(nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	refused(old)
	foreign := loose(nil)
	foreign.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
	refused(foreign)

	// The client's own refusal, with an alert to the server.
	e := clientEndpoint()
	e.Verifier.FQDNs = []string{"other.nhs.uk"}
	d, err := openssl.NewDialer(e)
	require.NoError(t, err)
	ways = append(ways, func(ctx context.Context, addr string) error {
		if _, err := d.DialContext(ctx, "tcp", addr); err == nil {
			return errors.New("a server of another name was accepted")
		}
		return nil
	})
	for _, says := range []string{"", "\x16\x03\x01", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x04\x01\x00\x00\x00"} {
		ways = append(ways, func(ctx context.Context, addr string) error {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err != nil {
				return err
			}
			_, _ = io.WriteString(conn, says)
			return conn.Close()
		})
	}
	return ways
}

func echo(ctx context.Context, d *openssl.Dialer, addr string) error {
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("echo")); err != nil {
		return err
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != "echo" {
		return fmt.Errorf("%q came back", got)
	}
	return nil
}

// A holding is what the process has of the system.
type holding struct{ rss, threads, descriptors int }

func (h holding) String() string {
	return fmt.Sprintf("%d kB resident, %d threads, %d descriptors", h.rss, h.threads, h.descriptors)
}

func holdings(t *testing.T) (h holding) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		switch fields[0] {
		case "VmRSS:":
			h.rss, err = strconv.Atoi(fields[1])
		case "Threads:":
			h.threads, err = strconv.Atoi(fields[1])
		}
		require.NoError(t, err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	h.descriptors = len(open)
	return h
}
