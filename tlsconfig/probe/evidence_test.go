// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

// impatient has a prober's connections end at once after a number of them, as those of a
// server or firewall that has had enough do, and counts them.
func impatient(p *probe.Prober, most int32) (made *atomic.Int32) {
	made = new(atomic.Int32)
	p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil && made.Add(1) > most {
			conn.Close()
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				theirs.Read(make([]byte, 1))
			}()
			conn = endless{ours}
		}
		return conn, err
	}
	return made
}

// An endless connection takes whatever is written to it.
type endless struct{ net.Conn }

func (e endless) Write(b []byte) (int, error) {
	e.Conn.Write(b[:1])
	return len(b), nil
}

// A server that stops answering has refused nothing since, whenever it stops, also if the
// prober has no client certificate to see that by.
func TestAServerThatStopsAnsweringIsNotConformant(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	cfg, err := pki.Endpoint(serverName, clientName).ServerConfig()
	require.NoError(t, err)
	address := serve(t, cfg)
	verdict := func(most int32) (probe.Severity, int32) {
		p := &probe.Prober{ServerName: serverName, Timeout: time.Minute}
		made := impatient(p, most)
		report, err := p.Server(t.Context(), address)
		require.NoError(t, err)
		return report.Verdict(), made.Load()
	}
	all, made := verdict(math.MaxInt32)
	require.Equal(t, probe.Conformant, all)
	// The last connection is for a renegotiation, which is not asked without a certificate.
	for most := int32(2); most < made-1; most++ {
		stopped, _ := verdict(most)
		require.NotEqual(t, probe.Conformant, stopped, "after %d of %d connections", most, made)
	}
}

// answering answers each connection, once something has come over it, until the test ends.
func answering(t *testing.T, answer func(conn net.Conn, hello []byte)) string {
	t.Helper()
	listener := loopback(t)
	serveEach(t, listener, func(conn net.Conn) {
		hello := make([]byte, 4096)
		if n, err := conn.Read(hello); err == nil {
			answer(conn, hello[:n])
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
		}
	})
	return listener.Addr().String()
}

// serveEach serves each connection of a listener until the test ends.
func serveEach(t *testing.T, listener net.Listener, serve func(net.Conn)) {
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
}

// record returns octets as a record of TLS, serverHello the message that chooses a version
// and a suite, and done the one that ends a flight.
func record(kind byte, body ...byte) []byte {
	return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

func serverHello(version, suite uint16) []byte {
	body := append([]byte{byte(version >> 8), byte(version)}, make([]byte, 33)...)
	body = append(body, byte(suite>>8), byte(suite), 0)
	return append([]byte{2, 0, 0, byte(len(body))}, body...)
}

var done = []byte{14, 0, 0, 0}

// A ServerHello says what the server chooses: whatever it does then is no refusal.
func TestWhatEndsAFlightAfterTheServerHelloIsNoRefusal(t *testing.T) {
	t.Parallel()
	for name, then := range map[string][]byte{
		"the end":             nil,
		"a fatal alert":       record(21, 2, 40),
		"half a record":       {22, 3, 3, 1, 0, 11},
		"a header alone":      {22, 3, 3, 1, 0},
		"a record of no type": record(99, 0),
		"a malformed message": record(22, 11, 0, 0, 1, 9),
		"a flight of a mebibyte and more": func() (long []byte) {
			for range 80 {
				long = append(long, record(22, append([]byte{11, 0x20, 0, 0}, make([]byte, 1<<14-4)...)...)...)
			}
			return long
		}(),
	} {
		address := answering(t, func(conn net.Conn, hello []byte) {
			if hello[0] == 22 {
				conn.Write(append(record(22, serverHello(uint16(hello[9])<<8|uint16(hello[10]), 0x2f)...), then...))
			}
		})
		report, err := (&probe.Prober{ServerName: serverName, Timeout: time.Minute}).Server(t.Context(), address)
		require.NoError(t, err)
		for _, subject := range []string{"SSLv3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "suites outside the list"} {
			assert.Equal(t, probe.Undecided, finding(t, report, subject).Severity, "%s, %s: %s", name, subject, finding(t, report, subject).Found)
		}
	}
}

// A flight that does not end, and one that is cut, is no refusal either.
func TestAnAnswerThatIsNoFlightIsNoRefusal(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{
		"half a record": {22, 3, 3, 1, 0, 2}, "two octets": {22, 3}, "warnings": func() (all []byte) {
			for range 1<<20/7 + 1 {
				all = append(all, record(21, 1, 90)...)
			}
			return all
		}(),
	} {
		address := answering(t, func(conn net.Conn, _ []byte) { conn.Write(text) })
		_, _, err := (&probe.Prober{Timeout: time.Minute}).Offer(t.Context(), address, []uint16{tls.VersionTLS12}, []uint16{0xC030})
		assert.Error(t, err, name)
	}
}

// TLS 1.0 is found with a suite that few servers take alone, though the server answers
// hellos without it by an alert that is about suites.
func TestAnOldVersionIsFoundByARareSuite(t *testing.T) {
	t.Parallel()
	address := answering(t, func(conn net.Conn, hello []byte) {
		if camellia := []byte{0x00, 0x84}; hello[0] == 22 && bytes.Equal(hello[9:11], []byte{3, 1}) && bytes.Contains(hello[46:], camellia) {
			conn.Write(append(record(22, serverHello(tls.VersionTLS10, 0x0084)...), record(22, done...)...))
			return
		}
		conn.Write(record(21, 2, 40))
	})
	report, err := (&probe.Prober{Timeout: time.Minute}).Server(t.Context(), address)
	require.NoError(t, err)
	assert.Equal(t, probe.Departure, finding(t, report, "TLS 1.0").Severity, "%+v", report.Findings)
	assert.Equal(t, probe.Conformant, finding(t, report, "TLS 1.1").Severity, "%+v", report.Findings)
}

// A second certificate, of a key that few peers have, brings suites and a version with it.
func TestSuitesOfOtherKeysAreFound(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{serverName}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	other := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	address := serve(t, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pki.Issue(serverName), other},
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
	report, err := (&probe.Prober{ServerName: serverName, Timeout: time.Minute}).Server(t.Context(), address)
	require.NoError(t, err)
	assert.Contains(t, finding(t, report, "suites outside the list").Found, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")

	address = serve(t, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{other}, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}})
	report, err = (&probe.Prober{ServerName: serverName, Timeout: time.Minute}).Server(t.Context(), address)
	require.NoError(t, err)
	assert.Equal(t, probe.Departure, finding(t, report, "TLS 1.3").Severity, finding(t, report, "TLS 1.3").Found)
}

// Without a good client to compare with, neither a status nor an end says that a client
// was refused for its certificate; an alert, or nginx' page, does.
func TestAnAnswerAloneIsNoRefusal(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	own := pki.Issue(serverName)
	for name, test := range map[string]struct {
		status      int
		contentType string
		body        string
		want        probe.Severity
	}{
		"JSON with 400":    {400, "application/json", `{"error":"400 The SSL certificate error"}`, probe.Undecided},
		"FHIR with 403":    {403, "application/fhir+json", "{}", probe.Undecided},
		"HTML with 400":    {400, "text/html", "<title>400 Bad Request</title>", probe.Undecided},
		"a page of nginx'": {400, "text/html", "<title>400 No required SSL certificate was sent</title>", probe.Conformant},
		"the end":          {0, "", "", probe.Undecided},
		"204":              {204, "", "", probe.Departure},
	} {
		cfg := &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert}
		address := serveBy(t, cfg, func(w http.ResponseWriter, _ *http.Request) {
			if test.status == 0 {
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Type", test.contentType)
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		})
		report, err := (&probe.Prober{ServerName: serverName, Timeout: time.Minute}).Server(t.Context(), address)
		require.NoError(t, err)
		found := finding(t, report, "a client without a certificate")
		assert.Equal(t, test.want, found.Severity, "%s: %s", name, found.Found)
	}
}

// Where the good client is refused, too, the others may be for the same reason.
func TestAServerThatRefusesTheGoodClientIsUndecided(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	cfg := &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pki.Issue(serverName)}, ClientAuth: tls.RequestClientCert}
	address := serveBy(t, cfg, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, "<title>400 The SSL certificate error</title>")
	})
	report, err := newProber(t, pki).Server(t.Context(), address)
	require.NoError(t, err)
	assert.Equal(t, probe.Undecided, finding(t, report, "the good client").Severity)
}

// An alert before a certificate is asked for has another reason than the certificate.
func TestAnAlertInTheHelloIsNoRefusalOfACertificate(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	var hellos atomic.Int32
	cfg := &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pki.Issue(serverName)}, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if len(hello.CipherSuites) == 3 { // those of crypto/tls, in a handshake that goes on
			hellos.Add(1)
			return nil, io.ErrUnexpectedEOF
		}
		return nil, nil
	}
	report, err := newProber(t, pki).Server(t.Context(), serve(t, cfg))
	require.NoError(t, err)
	assert.Positive(t, hellos.Load())
	for _, subject := range append([]string{"a client without a certificate"}, badClients...) {
		assert.Equal(t, probe.Undecided, finding(t, report, subject).Severity, "%s: %s", subject, finding(t, report, subject).Found)
	}
}
