// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestOnceWritesWhatIsCompleteAndCurrent(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	args := e.args(t, "-once", "-write", "nginx:"+e.crl, "-write", "stunnel:"+e.crl+".2")
	var stderr testenv.Log
	require.NoError(t, run(t.Context(), args, io.Discard, &stderr), &stderr)
	good, err := os.ReadFile(e.crl)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(good), "BEGIN X509 CRL"))
	assert.FileExists(t, e.crl+".2")

	// A line of the log is a JSON object; one for each list and each file says how it is.
	messages := map[string]int{}
	for line := range strings.Lines(stderr.String()) {
		var record struct {
			Msg      string
			Complete bool
			Entries  *int
			Octets   int
			NextLook time.Time `json:"next_look"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		messages[record.Msg]++
		switch record.Msg {
		case "list":
			assert.NotNil(t, record.Entries, line)
			assert.Positive(t, record.Octets, line)
			assert.True(t, record.NextLook.After(time.Now()), line)
		case "file":
			assert.True(t, record.Complete, line)
		}
	}
	assert.Equal(t, 2, messages["list"], stderr.String())
	assert.Equal(t, 2, messages["file"], stderr.String())

	// In an outage the file stays. While it is current a program can be started with it;
	// without one it cannot.
	for _, fault := range []revocationtest.Fault{revocationtest.Unavailable, revocationtest.WebPage, revocationtest.WrongIssuer, revocationtest.Expired} {
		stderr.Reset()
		e.authority.Fail(fault)
		require.NoError(t, run(t.Context(), args, io.Discard, &stderr), fault)
		after, err := os.ReadFile(e.crl)
		require.NoError(t, err)
		require.Equal(t, good, after, fault)
		require.Error(t, run(t.Context(), e.args(t, "-once", "-write", "nginx:"+e.crl+".new"), io.Discard, io.Discard), fault)
		if fault != revocationtest.Expired { // what is expired still revokes
			require.NoFileExists(t, e.crl+".new", fault)
			require.Contains(t, stderr.String(), `"level":"WARN"`, fault)
		}
	}
	e.authority.Fail(revocationtest.None)
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard))
}

// A list that a program does not look at may be missing: stunnel looks at none of the
// root's.
func TestOnceNeedsWhatTheProgramLooksAt(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	all := e.args(t, "-once", "-write")
	i := slices.Index(all, "-url") // of the root's list
	args := append(slices.Clone(all[:i]), all[i+2:]...)
	require.ErrorContains(t, run(t.Context(), append(args, "nginx:"+e.crl), io.Discard, io.Discard), "there is no list of its own about")
	require.NoError(t, run(t.Context(), append(args, "stunnel:"+e.crl), io.Discard, io.Discard))
	assert.FileExists(t, e.crl)
}

func TestOnceWithoutAFileFillsTheCache(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	args := e.args(t, "-once", "-cache", e.dir+"/cache")
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard))
	e.authority.Fail(revocationtest.Unavailable)
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard), "what is known is in the cache")
	require.Error(t, run(t.Context(), e.args(t, "-once"), io.Discard, io.Discard))
}

// start starts the program in a process of its own, until the test ends.
func start(t *testing.T, args ...string) (stdout, stderr *testenv.Log) {
	t.Helper()
	stdout, stderr = new(testenv.Log), new(testenv.Log)
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), "CRLS_TEST_MAIN=1")
	command.Stdout, command.Stderr = stdout, stderr
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		assert.NoError(t, command.Wait(), stderr)
		if t.Failed() {
			t.Log(stderr)
		}
	})
	return stdout, stderr
}

// listening waits until an address is printed.
func listening(t *testing.T, what string, stdout *testenv.Log) string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + what + ` listening on (\S+)$`)
	require.Eventually(t, func() bool { return line.MatchString(stdout.String()) }, time.Minute, 10*time.Millisecond)
	return "http://" + line.FindStringSubmatch(stdout.String())[1]
}

func get(url string) (status int, body string) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(data)
}

// TestProcessWithoutAWayOutLivesOnAMirror: two processes, of which one asks the CA and
// the other only the first.
func TestProcessWithoutAWayOutLivesOnAMirror(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	args := e.args(t)
	stdout, _ := start(t, append(args, "-mirror", "127.0.0.1:0", "-metrics", "127.0.0.1:0")...)
	mirror, metrics := listening(t, "mirror", stdout), listening(t, "metrics", stdout)
	require.Eventually(t, func() bool { status, _ := get(metrics + "/readyz"); return status == http.StatusOK }, time.Minute, 20*time.Millisecond)
	asked := e.authority.Requests()

	inside := append(args, "-via", mirror, "-once", "-write", "nginx:"+e.crl)
	command := exec.CommandContext(t.Context(), os.Args[0], inside...)
	command.Env = append(os.Environ(), "CRLS_TEST_MAIN=1")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	written, err := os.ReadFile(e.crl)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(written), "BEGIN X509 CRL"))
	assert.Equal(t, asked, e.authority.Requests(), "it did not ask the CA itself")

	status, body := get(metrics + "/metrics")
	require.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `nrl_revocation_looks_failing{kind="crl",url="`+e.authority.CRLURL(7)+`"} 0.000`)
	assert.Contains(t, body, "nrl_revocation_crl_next_update_seconds{")
	status, _ = get(mirror + "/etc/passwd")
	assert.Equal(t, http.StatusNotFound, status)
}

func TestDaemonSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.authority.Fail(revocationtest.Unavailable)
	stdout, stderr := start(t, e.args(t, "-write", "nginx:"+e.crl, "-metrics", "127.0.0.1:0")...)
	metrics := listening(t, "metrics", stdout)
	require.Eventually(t, func() bool {
		status, body := get(metrics + "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "503")
	}, time.Minute, 20*time.Millisecond)
	status, body := get(metrics + "/metrics")
	require.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `nrl_terminator_file_complete{program="nginx",file="`+e.crl+`"} 0.000`)
	assert.Contains(t, body, `nrl_revocation_looks_failing{kind="crl",url="`+e.authority.CRLURL(7)+`"} 1.000`)
	assert.NoFileExists(t, e.crl)
	require.Eventually(t, func() bool { return strings.Contains(stderr.String(), "no document") }, time.Minute, 20*time.Millisecond)
}

func TestPersonSeesATable(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	o, err := parse(e.args(t, "-once", "-write", "nginx:"+e.crl), io.Discard)
	require.NoError(t, err)
	var stdout testenv.Log
	d, err := newDaemon(o, &stdout, io.Discard)
	require.NoError(t, err)
	d.view.person = true
	require.NoError(t, d.once(t.Context()))
	_, table, _ := strings.Cut(stdout.String(), "\n")
	assert.Regexp(t, `^\d\d:\d\d:\d\d +size +entries +age +good for +next look in
(http://\S+ +\d+ B +0 +\d+s +\d+h\d+m +\d+m\n){2}`+regexp.QuoteMeta(e.crl)+`: complete and current, 2 lists, \S+ \S+
(    \S.*\n)*$`, table)
	assert.Equal(t, "a?b", plain("a\x1bb"))
}

// TestPinsAreReadAgain: a new generation of the SubCA is gone by within a minute, and
// a file that cannot be read changes nothing.
func TestPinsAreReadAgain(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	next := e.sign(t, "SubCA 2", e.subCA, e.subCAKey, &testca.RSA("leaf").PublicKey, []string{"http://next.nhs.uk/arl.crl"})
	other := newEstate(t)
	synctest.Test(t, func(t *testing.T) {
		var stderr testenv.Log
		o, err := parse(e.args(t, "-mirror", ":0"), io.Discard)
		require.NoError(t, err)
		d, err := newDaemon(o, io.Discard, &stderr)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			d.pinned.follow(ctx, &revocation.CRLs{})
		}()
		turn := func() {
			time.Sleep(61 * time.Second)
			synctest.Wait()
		}
		e.write(t, "subcas.pem", "CERTIFICATE", next.Raw) // no CA of the root's
		turn()
		assert.Len(t, d.pinned.pins.SubCAs(), 1)
		assert.Equal(t, 1, strings.Count(stderr.String(), "the pins are those of before"))
		turn()
		assert.Equal(t, 1, strings.Count(stderr.String(), "the pins are those of before"))

		e.write(t, "roots.pem", "CERTIFICATE", e.root.Raw, other.root.Raw)
		e.write(t, "subcas.pem", "CERTIFICATE", e.subCA.Raw, other.subCA.Raw)
		turn()
		assert.Len(t, d.pinned.pins.SubCAs(), 2)
		assert.Len(t, d.pinned.cas(), 4)
		cancel()
		<-done
	})
}

func TestFlags(t *testing.T) {
	t.Parallel()
	pins := []string{"-roots", "r", "-subcas", "s"}
	for name, args := range map[string][]string{
		"no pins":                  {"-once"},
		"nothing to do":            pins,
		"a write without a file":   append(pins, "-write", "nginx"),
		"a reload of nothing":      append(pins, "-reload", "true"),
		"a reload before its file": append(pins, "-reload", "true", "-write", "nginx:/crl"),
		"two reloads":              append(pins, "-write", "nginx:/crl", "-reload", "a", "-reload", "b"),
		"an empty reload":          append(pins, "-write", "nginx:/crl", "-reload", " "),
		"a test of no reload":      append(pins, "-write", "nginx:/crl", "-reload", "nginx -t &&"),
		"a reload of no test":      append(pins, "-write", "nginx:/crl", "-reload", "&& nginx -s reload"),
		"three commands":           append(pins, "-write", "nginx:/crl", "-reload", "a && b&&c"),
		"two writes of one file":   append(pins, "-write", "nginx:/crl", "-write", "haproxy:/x/../crl"),
		"once and a mirror":        append(pins, "-once", "-mirror", ":0"),
		"a refresh of a second":    append(pins, "-once", "-refresh", "1s"),
		"an argument":              append(pins, "-once", "more"),
	} {
		_, err := parse(args, io.Discard)
		assert.Error(t, err, name)
	}
	o, err := parse(append(pins, "-write", "nginx:/a", "-reload", "nginx -t && nginx -s reload", "-write", "haproxy:/b", "-haproxy", "/run/s", "-write", "apache:/c", "-leaf-crls"), io.Discard)
	require.NoError(t, err)
	require.Len(t, o.writes, 3)
	assert.Equal(t, write{program: "nginx", file: "/a", reload: "nginx -t && nginx -s reload"}, *o.writes[0])
	assert.Equal(t, write{program: "haproxy", file: "/b", haproxy: "/run/s"}, *o.writes[1])
	assert.Equal(t, write{program: "apache", file: "/c", leaf: true}, *o.writes[2])

	e := newEstate(t)
	key := testca.RSA("foreign")
	foreign := e.write(t, "foreign.pem", "CERTIFICATE", e.sign(t, "peer", e.sign(t, "SubCA", nil, key, &key.PublicKey, nil), key, &key.PublicKey, []string{e.authority.CRLURL(7)}).Raw)
	for name, args := range map[string][]string{
		"a relative file":             e.args(t, "-write", "nginx:crl.pem"),
		"a program that is not known": e.args(t, "-write", "iis:"+e.crl),
		"a certificate of another CA": e.args(t, "-once", "-cert", foreign),
		"a file without a leaf":       e.args(t, "-once", "-cert", e.subCAs),
		"an ldap URL":                 e.args(t, "-once", "-url", "ldap://crl.nhs.uk/"),
		"a mirror with a path":        e.args(t, "-once", "-via", "http://mirror/x"),
		"an address that is not one":  e.args(t, "-mirror", "nowhere:x"),
	} {
		assert.Error(t, run(t.Context(), args, io.Discard, io.Discard), name)
	}
}

// TestHooksAreThoseOfTheFlags: a test that fails forbids the reload, and what HAProxy's
// socket cannot do the reload does.
func TestHooksAreThoseOfTheFlags(t *testing.T) {
	t.Parallel()
	socket := t.TempDir() + "/none"
	for name, test := range map[string]struct {
		write write
		fails bool
	}{
		"a reload":                     {write{reload: "true"}, false},
		"a reload that fails":          {write{reload: "false"}, true},
		"a test and a reload":          {write{reload: "true && true"}, false},
		"a test that fails":            {write{reload: "false && true"}, true},
		"a socket that is not there":   {write{haproxy: socket}, true},
		"the same, with a reload":      {write{haproxy: socket, reload: "true"}, false},
		"the same, whose reload fails": {write{haproxy: socket, reload: "false"}, true},
	} {
		err := test.write.hook(slog.New(slog.DiscardHandler))(t.Context(), "/crl")
		assert.Equal(t, test.fails, err != nil, "%s: %v", name, err)
	}
	assert.Nil(t, new(write).hook(slog.New(slog.DiscardHandler)))
}
