// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

var update = flag.Bool("update", false, "write testdata/interop.md anew")

// The certificates that are presented, the right one first.
const (
	right      = "right"
	none       = "none"
	revoked    = "revoked"
	wrongFQDN  = "wrong FQDN"
	wrongSubCA = "wrong SubCA"
)

var badCertificates = []string{none, revoked, wrongFQDN, wrongSubCA}

func certificates(fqdn string) map[string]tls.Certificate {
	// Most peers know no name but those of a subjectAltName.
	san := func(c *x509.Certificate) { c.DNSNames = []string{c.Subject.CommonName} }
	return map[string]tls.Certificate{
		right:      spine().Leaf(fqdn, san),
		revoked:    spine().Revoke(spine().Leaf(fqdn, san)),
		wrongFQDN:  spine().Leaf("other.nhs.uk", san),
		wrongSubCA: spine().SiblingLeaf(fqdn),
	}
}

// An ourEngine is one of ours.
type ourEngine struct {
	name   string
	has    func(tlsconfig.Suite) bool
	listen func(t *testing.T, inner net.Listener, e *tlsconfig.Endpoint) net.Listener
	dial   func(t *testing.T, e *tlsconfig.Endpoint, addr string) (net.Conn, error)
	// alerts are what a refused client is told.
	alerts map[string]string
	// hasty: it refuses while the client still sends. The network may then drop
	// the alert, so that it is chance whether the client has it.
	hasty bool
}

var ourEngines = []ourEngine{
	{
		name: "libssl",
		has:  func(tlsconfig.Suite) bool { return true },
		listen: func(t *testing.T, inner net.Listener, e *tlsconfig.Endpoint) net.Listener {
			l, err := openssl.NewListener(inner, e)
			require.NoError(t, err)
			return l
		},
		dial: func(t *testing.T, e *tlsconfig.Endpoint, addr string) (net.Conn, error) {
			d, err := openssl.NewDialer(e)
			require.NoError(t, err)
			return d.DialContext(t.Context(), "tcp", addr)
		},
		alerts: map[string]string{none: "40", revoked: "44", wrongFQDN: "42", wrongSubCA: "48"},
	},
	{
		name: "crypto/tls",
		has:  tlsconfig.Suite.Native,
		listen: func(t *testing.T, inner net.Listener, e *tlsconfig.Endpoint) net.Listener {
			cfg, err := e.ServerConfig()
			require.NoError(t, err)
			return tls.NewListener(inner, cfg)
		},
		dial: func(t *testing.T, e *tlsconfig.Endpoint, addr string) (net.Conn, error) {
			cfg, err := e.ClientConfig()
			require.NoError(t, err)
			cfg.ServerName = serverName
			return (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", addr)
		},
		alerts: map[string]string{none: "40", revoked: "42", wrongFQDN: "42", wrongSubCA: "42"},
		hasty:  true,
	},
}

// A table is one of the document's: a row for each peer, a column for each
// suite and each bad certificate.
type table struct {
	title string
	bad   []string
	rows  []row
}

type row struct {
	peer  string
	cells []string
}

func TestInterop(t *testing.T) {
	needLibrary(t)
	if testing.Short() {
		t.Skip("some hundred connections of foreign programs")
	}
	for _, p := range clientPeers {
		testenv.Need(t, p.binary, p.debian)
	}
	for _, p := range serverPeers {
		testenv.Need(t, p.binary, p.debian)
	}
	compileJavaPeer(t)
	var tables []table
	for _, engine := range ourEngines {
		tables = append(tables, engine.serveAll(t))
	}
	for _, engine := range ourEngines {
		tables = append(tables, engine.dialAll(t))
	}
	const file = "testdata/interop.md"
	got := document(tables)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "go test -run TestInterop -update writes it anew")
}

// overlap runs a subtest of a group for each peer, beside one another, and returns when all
// have ended.
func overlap[P any](t *testing.T, group string, peers []P, name func(P) string, test func(t *testing.T, i int, peer P)) {
	t.Run(group, func(t *testing.T) {
		for i, peer := range peers {
			t.Run(name(peer), func(t *testing.T) {
				t.Parallel()
				test(t, i, peer)
			})
		}
	})
}

// serveAll lets every peer connect with every suite and every certificate.
func (engine *ourEngine) serveAll(t *testing.T) table {
	out := table{title: "Foreign clients, our server: " + engine.name, bad: badCertificates, rows: make([]row, len(clientPeers))}
	own := certificates(serverName)[right]
	addr := engine.answer(t, spine().Endpoint(own, clientName))
	cas := spine().Write(t, own).CAs
	files := map[string]testpki.Files{none: {}}
	for kind, cert := range certificates(clientName) {
		files[kind] = spine().Write(t, cert)
	}
	overlap(t, engine.name+" server", clientPeers, func(p clientPeer) string { return p.name }, func(t *testing.T, i int, p clientPeer) {
		out.rows[i] = engine.serve(t, p, addr, files, cas)
	})
	return out
}

// serve lets a peer connect with every suite and every certificate.
func (engine *ourEngine) serve(t *testing.T, peer clientPeer, addr string, files map[string]testpki.Files, cas string) row {
	var jobs []clientJob
	var kinds []string
	for _, suite := range tlsconfig.Suites() {
		if !engine.has(suite) {
			continue
		}
		for _, kind := range append([]string{right}, badCertificates...) {
			jobs = append(jobs, clientJob{addr: addr, suite: suite, files: files[kind], cas: cas})
			kinds = append(kinds, kind)
		}
	}
	said := peer.run(t, jobs)
	good, bad := map[tlsconfig.Suite]string{}, map[string][]string{}
	for i, j := range jobs {
		if kinds[i] == right {
			good[j.suite] = "no"
			if assert.Contains(t, said[i], "suite="+j.suite.String()+" ") {
				good[j.suite] = "yes"
			}
			continue
		}
		assert.NotContains(t, said[i], "suite=", "%v, %s", j.suite, kinds[i])
		bad[kinds[i]] = append(bad[kinds[i]], alertIn(said[i]))
	}
	for _, kind := range badCertificates {
		want := []string{"", engine.alerts[kind]}
		if kind == wrongSubCA {
			want = append(want, engine.alerts[none]) // of a peer that sends none but what is asked for
		}
		for _, seen := range bad[kind] {
			assert.Contains(t, want, seen, kind)
		}
		if engine.hasty {
			bad[kind] = []string{""}
		}
		require.Len(t, slices.Compact(bad[kind]), 1, "%s: the same with every suite", kind)
	}
	return row{peer.name, cells(engine, good, func(kind string) string {
		if seen := bad[kind][0]; seen != "" {
			return "alert " + seen
		}
		return "refused"
	}, badCertificates)}
}

// answer serves the suite of each connection until the test ends.
func (engine *ourEngine) answer(t *testing.T, e *tlsconfig.Endpoint) (addr string) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "suite=%s \n", tlsconfig.Suite(r.TLS.CipherSuite))
		}),
	}
	testenv.Serve(t, srv, engine.listen(t, inner, e))
	return inner.Addr().String()
}

// alertIn finds the alert that a program's words are about, "" if it names none.
func alertIn(said string) string {
	if found := regexp.MustCompile(`(?i)(?:alert number |alert \[)(\d+)`).FindStringSubmatch(said); found != nil {
		return found[1]
	}
	words := strings.ToLower(strings.ReplaceAll(said, "_", " "))
	for alert, phrases := range map[string][]string{
		"40": {"handshake failure"}, "42": {"bad certificate"}, "44": {"certificate revoked"}, "48": {"unknown ca"},
	} {
		for _, phrase := range phrases {
			if strings.Contains(words, "alert") && strings.Contains(words, phrase) {
				return alert
			}
		}
	}
	return ""
}

// dialAll connects to every peer with every suite, whatever its certificate.
func (engine *ourEngine) dialAll(t *testing.T) table {
	kinds := []string{right, revoked, wrongFQDN, wrongSubCA}
	out := table{title: "Foreign servers, our client: " + engine.name, bad: kinds[1:], rows: make([]row, len(serverPeers))}
	certs := certificates(serverName)
	own := spine().Leaf(clientName)
	overlap(t, engine.name+" client", serverPeers, func(p serverPeer) string { return p.name }, func(t *testing.T, i int, p serverPeer) {
		out.rows[i] = engine.call(t, p, kinds, own, certs)
	})
	return out
}

// call connects to a peer with every suite, whatever its certificate.
func (engine *ourEngine) call(t *testing.T, peer serverPeer, kinds []string, own tls.Certificate, certs map[string]tls.Certificate) row {
	rules := map[string]tlsconfig.Rule{revoked: tlsconfig.RuleRevocation, wrongFQDN: tlsconfig.RuleFQDN, wrongSubCA: tlsconfig.RuleSubCA}
	var jobs []serverJob
	for _, kind := range kinds {
		jobs = append(jobs, serverJob{addr: testenv.FreeAddress(t), files: spine().Write(t, certs[kind])})
	}
	peer.serve(t, jobs)
	good, bad := map[tlsconfig.Suite]string{}, map[string][]string{}
	for _, suite := range tlsconfig.Suites() {
		if !engine.has(suite) {
			continue
		}
		for i, kind := range kinds {
			e := spine().Endpoint(own, serverName)
			e.Suites = []tlsconfig.Suite{suite}
			conn, err := engine.dial(t, e, jobs[i].addr)
			if kind != right {
				refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
				if assert.True(t, ok, "%v, %s: %v", suite, kind, err) {
					assert.Equal(t, rules[kind], refusal.Rule)
					bad[kind] = append(bad[kind], "refused: "+refusal.Rule.String())
				}
				continue
			}
			good[suite] = "no"
			if assert.NoError(t, err, suite) && assert.NoError(t, ask(conn, suite), suite) {
				good[suite] = "yes"
			}
		}
	}
	return row{peer.name, cells(engine, good, func(kind string) string {
		return strings.Join(slices.Compact(bad[kind]), ", ")
	}, kinds[1:])}
}

// ask makes a request and reads the beginning of the answer.
func ask(conn net.Conn, suite tlsconfig.Suite) error {
	defer conn.Close()
	state := conn.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
	if state.CipherSuite != uint16(suite) || state.Version != tls.VersionTLS12 {
		return fmt.Errorf("negotiated %v", tlsconfig.Suite(state.CipherSuite))
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	begin := make([]byte, len("HTTP/1."))
	if _, err := io.ReadFull(conn, begin); err != nil {
		return err
	}
	if string(begin) != "HTTP/1." {
		return fmt.Errorf("the answer begins with %q", begin)
	}
	return nil
}

// cells are a row's.
func cells(engine *ourEngine, good map[tlsconfig.Suite]string, bad func(string) string, kinds []string) []string {
	var row []string
	for _, suite := range tlsconfig.Suites() {
		cell := good[suite]
		if !engine.has(suite) {
			cell = "-"
		}
		row = append(row, cell)
	}
	for _, kind := range kinds {
		row = append(row, bad(kind))
	}
	return row
}

// document is what the repository keeps.
func document(tables []table) string {
	var b strings.Builder
	b.WriteString("# Who can talk to whom\n\n" +
		"Written and checked by TestInterop: mutual TLS 1.2 on every connection, a request and an answer on each that is accepted, each suite offered\n" +
		"alone. A bad certificate was presented with each of the suites and refused with each. A client that was told why it was refused has the alert's\n" +
		"number here: 40 handshake_failure, 42 bad_certificate, 44 certificate_revoked, 48 unknown_ca; a client that presents only what the\n" +
		"server's list of CAs asks for presents none instead of one of the wrong SubCA. crypto/tls, which has three of the suites, sends 40 for no certificate\n" +
		"and 42 for all others, but while the client still sends, so that some clients never see it.\n\n")
	for i, suite := range tlsconfig.Suites() {
		fmt.Fprintf(&b, "%d. %s\n", i+1, suite)
	}
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## %s\n\n| peer |", t.title)
		for i := range tlsconfig.Suites() {
			fmt.Fprintf(&b, " %d |", i+1)
		}
		for _, kind := range t.bad {
			fmt.Fprintf(&b, " %s |", kind)
		}
		b.WriteString("\n|" + strings.Repeat(" --- |", 1+len(tlsconfig.Suites())+len(t.bad)) + "\n")
		for _, r := range t.rows {
			fmt.Fprintf(&b, "| %s | %s |\n", r.peer, strings.Join(r.cells, " | "))
		}
	}
	return b.String()
}
