// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
)

// programs are the examples as a user builds and runs them, each a process, with
// the SSP between the consumer and the provider.
type programs struct {
	dir      string // of the executables
	files    *exampletest.Files
	registry *outage
	consumer []string // the arguments of each run
}

// newPrograms builds the examples, which takes some seconds, and starts the NRL with
// three pointers and the provider with the records that they lead to.
func newPrograms(t *testing.T) *programs {
	p := &programs{dir: t.TempDir(), files: exampletest.OwnFiles(t)}
	// Without symbols the linker needs half the time.
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", p.dir, ".", "../nrl", "../provider").CombinedOutput()
	require.NoError(t, err, "%s", out)

	systems := p.file(t, "registry.json", `{"systems": [
		{"asid": "`+providerASID+`", "ods": ["RR8"], "fqdns": ["`+providerName+`"], "interactions": ["`+string(asid.DocumentReferenceCreate)+`"]},
		{"asid": "`+consumerASID+`", "ods": ["RGD"], "fqdns": ["`+consumerName+`"], "interactions": ["`+
		string(asid.DocumentReferenceSearch)+`", "`+string(asid.DocumentReferenceContentRead)+`"]}]}`)
	registry := &asid.File{Name: systems}
	require.NoError(t, registry.Load())
	p.registry = &outage{Registry: registry}
	ssp := asidtest.NewSSP(p.files.PKI, sspName, p.registry)
	t.Cleanup(ssp.Close)

	provider := p.files.Leaf(t, providerName)
	records := t.TempDir()
	for _, n := range []string{"1", "2", "3"} {
		require.NoError(t, os.WriteFile(filepath.Join(records, n), []byte("record "+n+"\n"), 0o600))
	}
	p.files.PKI.SetHost(providerName, p.start(t, "provider", provider, "-fqdn", sspName, "-asid", providerASID, "-records", records))
	base := "https://" + p.start(t, "nrl", p.files.Leaf(t, nrlName), "-registry", systems) + "/STU3"
	p.createPointers(t, base)
	p.consumer = p.args(p.files.Leaf(t, consumerName), "-from", consumerASID, "-to", providerASID, "-ods", "RGD", "-user", "111222333444",
		"-nrl", base, "-patient", nhsNumber, "-ssp", ssp.URL, "-fqdn", nrlName+","+sspName)
	return p
}

func (p *programs) file(t *testing.T, name, text string) string {
	path := filepath.Join(p.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// args are those that each program takes.
func (p *programs) args(own exampletest.Pair, more ...string) []string {
	return append([]string{"-cert", own.Cert, "-key", own.Key, "-roots", p.files.Roots, "-subcas", p.files.SubCAs,
		"-crl", p.files.CRL, "-crl", p.files.ARL}, more...)
}

// start runs a server until the test ends, and returns its address.
func (p *programs) start(t *testing.T, name string, own exampletest.Pair, more ...string) (address string) {
	command := exec.Command(filepath.Join(p.dir, name), append(p.args(own, more...), "-listen", "127.0.0.1:0")...)
	command.Stderr = t.Output()
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		assert.NoError(t, command.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, command.Wait(), name)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, name)
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// createPointers has the provider's system make one for each of its records.
func (p *programs) createPointers(t *testing.T, base string) {
	config, err := p.files.PKI.Endpoint(providerName, nrlName).ClientConfig()
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: &asid.Transport{
		From: asid.MustParseID(providerASID), To: asid.MustParseID("999999999999"), Base: transport,
		Claims: asid.Claims{Organization: ods(t, "RR8")},
	}}
	for _, n := range []string{"1", "2", "3"} {
		resp, err := client.Post(base+"/DocumentReference", "application/fhir+json", strings.NewReader(document(t, n)))
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusCreated, resp.StatusCode, "%s", answer)
	}
}

// run runs the consumer, with its stdout on the file if there is one.
func (p *programs) run(t *testing.T, stdout *os.File, more ...string) (out, stderr string) {
	var written, log bytes.Buffer
	command := exec.CommandContext(t.Context(), filepath.Join(p.dir, "consumer"), append(p.consumer[:len(p.consumer):len(p.consumer)], more...)...)
	command.Env = append(os.Environ(), "COLUMNS=")
	command.Stdout, command.Stderr = &written, &log
	if stdout != nil {
		command.Stdout = stdout
	}
	require.NoError(t, command.Run(), "%s", &log)
	return written.String(), log.String()
}

// An outage is a registry that fails as often as left says, which the SSP answers
// with 503.
type outage struct {
	asid.Registry
	left atomic.Int32
}

func (o *outage) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	if o.left.Add(-1) >= 0 {
		return nil, errors.New("the directory is not there")
	}
	return o.Registry.Lookup(ctx, id)
}

// onTerminal returns what the program writes to a terminal of so many columns
// (ioctl_tty(2)).
func onTerminal(t *testing.T, columns uint16, write func(terminal *os.File)) string {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	defer master.Close()
	ioctl := func(request uintptr, argument unsafe.Pointer) {
		_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(argument))
		require.Zero(t, failed)
	}
	var number, locked int32
	size := struct{ rows, columns, width, height uint16 }{24, columns, 0, 0}
	ioctl(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	ioctl(syscall.TIOCGPTN, unsafe.Pointer(&number))
	ioctl(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	shown := make(chan string)
	go func() {
		// A terminal that all have closed is read to its end with EIO.
		text, _ := io.ReadAll(master)
		shown <- string(text)
	}()
	write(terminal)
	require.NoError(t, terminal.Close())
	return strings.ReplaceAll(<-shown, "\r\n", "\n")
}

func TestTheProgramsWorkTogether(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds three programs")
	}
	p := newPrograms(t)
	const url = "https://" + providerName + "/records/"

	whole, _ := p.run(t, nil)
	lines := strings.Split(strings.TrimSuffix(whole, "\n"), "\n")
	require.Len(t, lines, 4, whole)
	assert.Equal(t, []string{"#", "TYPE", "CUSTODIAN", "FORMAT", "URL"}, strings.Fields(lines[0]))
	for i, line := range lines[1:] {
		assert.Contains(t, line, "RR8")
		assert.True(t, strings.HasSuffix(line, fmt.Sprint(url, i+1)), line)
	}

	wide := onTerminal(t, uint16(len(whole)), func(terminal *os.File) { p.run(t, terminal) })
	assert.Equal(t, whole, wide, "as in a pipe")
	narrow := onTerminal(t, 60, func(terminal *os.File) { p.run(t, terminal) })
	for i, line := range strings.Split(strings.TrimSuffix(narrow, "\n"), "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 60, line)
		if i > 0 && i%2 == 0 {
			assert.Equal(t, fmt.Sprint("   ", url, i/2), line)
		}
	}

	audit := filepath.Join(t.TempDir(), "audit.json")
	stdout, stderr := p.run(t, nil, "-retrieve", "all", "-audit", audit)
	assert.Equal(t, whole+"record 1\nrecord 2\nrecord 3\n", stdout)
	assert.Equal(t, 3, strings.Count(stderr, "status 200 OK\nsuite ECDHE-RSA-AES256-GCM-SHA384\nprotocol TLS 1.2\npeer "+sspName+"\n"), stderr)
	assert.Equal(t, []int{200, 200, 200, 200}, statuses(t, audit), "one search and three retrievals")

	audit = filepath.Join(t.TempDir(), "audit.json")
	p.registry.left.Store(2)
	stdout, _ = p.run(t, nil, "-retrieve", "2", "-audit", audit)
	assert.Equal(t, whole+"record 2\n", stdout)
	assert.Equal(t, []int{200, 503, 503, 200}, statuses(t, audit), "one search and three attempts")
}

// statuses returns those of a log of audit records, each of which must have an id of
// its own.
func statuses(t *testing.T, file string) (list []int) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotContains(t, string(text), nhsNumber)
	ids := make(map[string]bool)
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var record struct {
			Status int
			ID     string
		}
		require.NoError(t, decoder.Decode(&record))
		list, ids[record.ID] = append(list, record.Status), true
	}
	assert.Len(t, ids, len(list))
	return list
}
