// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// then is when the cases are judged.
func then() time.Time { return time.Date(2026, time.January, 15, 12, 0, 0, 0, time.UTC) }

func file(t *testing.T, name string) []byte {
	t.Helper()
	data, err := testdata.FS.ReadFile(name)
	require.NoError(t, err)
	return data
}

// newEndpoint is what a server has that is to be asked, at the time of the cases.
func newEndpoint(t *testing.T, a *address) *tlsconfig.Endpoint {
	t.Helper()
	pins, err := tlsconfig.NewPins(testdata.Certificates(a.usual.Roots), testdata.Certificates(a.usual.SubCAs))
	require.NoError(t, err)
	crls := &revocation.CRLs{Time: then}
	for _, list := range a.usual.CRLs {
		require.NoError(t, crls.Add(file(t, list)))
	}
	own, err := keyPair("certificates/systems/"+a.server+".corpus.nhs.uk.pem", "keys/leaf.pem")
	require.NoError(t, err)
	end := &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(own),
		Verifier: tlsconfig.Verifier{Pins: pins, Time: then, AllowAnyFQDN: a.server == "nrl",
			Revocation: &revocation.Checker{Sources: []revocation.Source{crls}, Time: then}},
	}
	if a.server == "provider" {
		end.Verifier.FQDNs = []string{sspFQDN}
	}
	return end
}

// serve starts a server until the test ends and tells a its address.
func serve(t *testing.T, a *address, config *tls.Config, handler http.Handler) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = nil
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	a.addr = server.Listener.Addr().(*net.TCPAddr).String()
}

func provider(t *testing.T) *address {
	t.Helper()
	a, err := newAddress("", "provider", true, then)
	require.NoError(t, err)
	end := newEndpoint(t, a)
	config, err := end.ServerConfig()
	require.NoError(t, err)
	gate := &asid.Gate{Self: asid.MustParseID(a.carrier.Self), Peers: end, Time: then}
	serve(t, a, config, gate.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	return a
}

// Over the library's own servers no case is wrong, and all kinds that can be are asked.
func TestTheLibrarysServersAreRight(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("puts the corpus to servers of both engines")
	}
	var out bytes.Buffer
	assert.Equal(t, allRight, report(t.Context(), provider(t).ask, nil, true, &out), "%s", &out)
	for _, name := range []string{"offer 60 of any", "client: on hold", "provider: Ssp-To names another"} {
		assert.Contains(t, out.String(), "right  "+name)
	}

	a, err := newAddress("", "nrl", true, then)
	require.NoError(t, err)
	end := newEndpoint(t, a)
	config, err := end.ServerConfig()
	require.NoError(t, err)
	registry, err := asid.ReadRegistry(bytes.NewReader(file(t, "registry.json")))
	require.NoError(t, err)
	store := &nrl.Store{Time: then}
	authorizer := &asid.Authorizer{Registry: registry, Self: asid.MustParseID(a.carrier.Self), Peers: end, Time: then}
	serve(t, a, config, authorizer.Middleware((&pointer.Guard{Resolver: store, Disclose: true}).Middleware(store)))
	out.Reset()
	assert.Equal(t, allRight, report(t.Context(), a.ask, []string{"request"}, false, &out), "%s", &out)
	changes := 0
	for _, c := range testdata.Cases() {
		if c.Change == nil {
			continue
		}
		if changes++; changes%5 == 0 { // each is several requests; pointer/nrl's tests ask them all
			if err := a.ask(t.Context(), &c); !errors.Is(err, errNotAsked) {
				assert.NoError(t, err, c.Name)
			}
		}
	}
	assert.Greater(t, changes, 100)
}

// A server that lets every client do everything is found out in each kind.
func TestABareServerIsFoundOut(t *testing.T) {
	t.Parallel()
	a, err := newAddress("", "nrl", false, then)
	require.NoError(t, err)
	own, err := keyPair("certificates/systems/nrl.corpus.nhs.uk.pem", "keys/leaf.pem")
	require.NoError(t, err)
	config := &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAnyClientCert}
	serve(t, a, config, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/STU3/DocumentReference/1")
	}))
	found := map[string]error{}
	for _, c := range testdata.Cases() {
		if kind := kindOf(&c); found[kind] == nil {
			if err := a.ask(t.Context(), &c); !errors.Is(err, errNotAsked) {
				found[kind] = err
			}
		}
	}
	for _, kind := range []string{"certificate", "offer", "request", "change"} {
		assert.Error(t, found[kind], kind)
	}
	assert.Equal(t, someWrong, report(t.Context(), a.ask, []string{"offer"}, false, io.Discard))
}

// A certificate is refused by an alert, or by an answer that is about certificates: a
// server that lets it through may still fail, or refuse the request for another reason.
func TestAnAnswerThatIsAboutTheRequestIsNoRefusalOfItsCertificate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status      int
		contentType string
		refuses     bool
	}{
		{http.StatusForbidden, "application/fhir+json", true},
		{http.StatusForbidden, "text/html", true},
		{http.StatusBadRequest, "text/html", true}, // nginx, and Apache
		{495, "text/html", true},
		{496, "text/html", true},
		{http.StatusBadRequest, "application/fhir+json; charset=utf-8", false},
		{http.StatusBadRequest, "application/xml+fhir", false},
		{http.StatusBadRequest, "application/json", false},
		{http.StatusBadRequest, "text/plain; charset=utf-8", false},
		{http.StatusBadRequest, "", false},
		{http.StatusUnsupportedMediaType, "application/fhir+json", false},
		{http.StatusInternalServerError, "text/html", false},
		{http.StatusBadGateway, "text/html", false},
		{http.StatusNotFound, "text/html", false},
		{http.StatusOK, "application/pdf", false},
	} {
		a, err := newAddress("", "provider", false, then)
		require.NoError(t, err)
		own, err := keyPair("certificates/systems/provider.corpus.nhs.uk.pem", "keys/leaf.pem")
		require.NoError(t, err)
		config := &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAnyClientCert}
		serve(t, a, config, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.contentType)
			w.WriteHeader(test.status)
		}))
		for _, c := range testdata.Cases() {
			if c.Name == "client: expired a year ago" {
				err := a.ask(t.Context(), &c)
				assert.Equal(t, test.refuses, err == nil, "%d %s: %v", test.status, test.contentType, err)
			}
		}
	}
}

// A server that is not there, or from which nothing comes in time, has refused no one.
func TestSilenceIsNoRefusal(t *testing.T) {
	t.Parallel()
	a, err := newAddress("127.0.0.1:1", "provider", false, then)
	require.NoError(t, err)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	b, err := newAddress(silent.Addr().String(), "provider", false, then)
	require.NoError(t, err)
	ended, end := context.WithCancel(t.Context())
	go func() { // the context ends once the server has accepted the connection
		if conn, err := silent.Accept(); err == nil {
			defer conn.Close()
			end()
			io.Copy(io.Discard, conn)
		}
	}()
	asked := 0
	for _, c := range testdata.Cases() {
		if c.Certificate == nil || c.Verdict != testdata.Refuse {
			continue
		}
		if err := a.ask(t.Context(), &c); !errors.Is(err, errNotAsked) {
			assert.Error(t, err, c.Name)
			asked++
			if asked == 1 {
				assert.Error(t, b.ask(ended, &c), c.Name)
			}
		}
	}
	assert.NotZero(t, asked)
}

// TestMain makes this program a command that judges registries, for TestACommand.
func TestMain(m *testing.M) {
	answer := os.Getenv("CORPUS_COMMAND")
	if answer == "" {
		os.Exit(m.Run())
	}
	if self, err := os.FindProcess(os.Getpid()); answer == "crash" && err == nil {
		self.Kill()
	}
	var c testdata.Case
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		os.Exit(2)
	}
	if _, err := os.Stat("registry.json"); err != nil || c.Registry == nil {
		os.Exit(2)
	}
	_, err := asid.ReadRegistry(bytes.NewReader(c.Registry.Bytes()))
	if answer == "refuse nothing" {
		err = nil
	}
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// A command is run for each case, in the folder of the corpus; a few cases will do,
// since each is a process.
func TestACommand(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, writeFiles(dir))
	ask := commandIn(dir, []string{self})
	wanted := map[string]*testdata.Case{"registry: an empty list of systems": nil, "registry: an ASID twice": nil, "suite C030 alone": nil}
	cases := testdata.Cases()
	for i := range cases {
		if _, ok := wanted[cases[i].Name]; ok {
			wanted[cases[i].Name] = &cases[i]
		}
	}
	t.Setenv("CORPUS_COMMAND", "as the library does")
	assert.NoError(t, ask(t.Context(), wanted["registry: an empty list of systems"]))
	assert.NoError(t, ask(t.Context(), wanted["registry: an ASID twice"]))
	assert.ErrorIs(t, ask(t.Context(), wanted["suite C030 alone"]), errNotAsked)
	t.Setenv("CORPUS_COMMAND", "refuse nothing")
	assert.ErrorContains(t, ask(t.Context(), wanted["registry: an ASID twice"]), "verdict is accept")
	t.Setenv("CORPUS_COMMAND", "crash")
	if err := ask(t.Context(), wanted["registry: an ASID twice"]); assert.Error(t, err, "it does not say that it cannot tell") {
		assert.NotErrorIs(t, err, errNotAsked)
	}
	if !testing.Short() { // it writes the corpus once more
		assert.Equal(t, nothingAsked, run(t.Context(), []string{"-command", self, "-kind", "none of them"}, &bytes.Buffer{}, &bytes.Buffer{}))
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-server", "nrl"}, {"-server", "other", "127.0.0.1:1"}, {"-command", "x", "127.0.0.1:1"}, {"-command", "x", "-server", "nrl"}, {"-command", " "}, {"-z"}} {
		assert.Equal(t, nothingAsked, run(t.Context(), args, &bytes.Buffer{}, &bytes.Buffer{}), args)
	}
	dir := t.TempDir()
	assert.Equal(t, allRight, run(t.Context(), []string{"-write", dir}, &bytes.Buffer{}, &bytes.Buffer{}))
	written, err := os.ReadFile(dir + "/manifest.json")
	require.NoError(t, err)
	assert.Equal(t, file(t, "manifest.json"), written)
}
