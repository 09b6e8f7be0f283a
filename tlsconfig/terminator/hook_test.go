// SPDX-License-Identifier: Apache-2.0

//go:build unix

package terminator_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

func TestCommandReloadsOnlyWhatPassesItsTest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mark := filepath.Join(dir, "reloaded $(id)")
	reload := []string{"touch", mark}
	err := terminator.Command([]string{"sh", "-c", "echo unknown directive >&2; exit 1"}, reload)(t.Context(), "")
	require.ErrorContains(t, err, "unknown directive")
	require.NoFileExists(t, mark)
	require.NoError(t, terminator.Command([]string{"true"}, reload)(t.Context(), ""))
	require.FileExists(t, mark, "there is no shell")
	require.NoError(t, terminator.Command(nil, reload)(t.Context(), ""))
	require.Error(t, terminator.Command([]string{"true"}, nil)(t.Context(), ""))
	require.Error(t, terminator.Command(nil, []string{"no-such-program"})(t.Context(), ""))
	err = terminator.Command(nil, []string{"sh", "-c", "yes | head -c 100000; echo the end; exit 3"})(t.Context(), "")
	require.ErrorContains(t, err, "the end")
	assert.Less(t, len(err.Error()), 2000)
}

// A program that the command has started, and that goes on, holds the output open.
func TestCommandThatLeavesAProgramBehindHasSucceeded(t *testing.T) {
	t.Parallel()
	pid := filepath.Join(t.TempDir(), "pid")
	leave := []string{"sh", "-c", "sleep 1000 & echo $! > " + pid}
	t.Cleanup(func() {
		text, err := os.ReadFile(pid)
		require.NoError(t, err)
		id, err := strconv.Atoi(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		assert.NoError(t, syscall.Kill(id, syscall.SIGKILL), "it went on")
	})
	require.NoError(t, terminator.Command(nil, leave)(t.Context(), ""))
}

// A command that hangs ends with the context, and what it started with it.
func TestCommandThatHangsIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(dir, "started")
	require.NoError(t, os.WriteFile(started, nil, 0o600))
	ended := make(chan error, 1)
	go func() {
		ended <- terminator.Command(nil, []string{"sh", "-c", "sleep 1000 & echo $! > " + started + "; wait"})(ctx, "")
	}()
	var pid string
	for pid == "" {
		text, err := os.ReadFile(started)
		require.NoError(t, err)
		if bytes.HasSuffix(text, []byte("\n")) {
			pid = strings.TrimSpace(string(text))
		}
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	for deadline := time.Now().Add(time.Minute); ; { // init reaps it
		status, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(status), ") Z ") {
			return
		}
		require.True(t, time.Now().Before(deadline), "the child runs on: %s", status)
	}
}

// A fakeHAProxy answers commands on a stats socket by their beginnings.
type fakeHAProxy struct {
	path string
	mu   sync.Mutex
	says map[string]string
	got  []string
}

func startFakeHAProxy(t *testing.T, says map[string]string) *fakeHAProxy {
	t.Helper()
	h := &fakeHAProxy{path: filepath.Join(t.TempDir(), "stats"), says: says}
	l, err := net.Listen("unix", h.path)
	require.NoError(t, err)
	var wait sync.WaitGroup
	t.Cleanup(func() { l.Close(); wait.Wait() })
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { h.serve(conn) })
		}
	})
	return h
}

func (h *fakeHAProxy) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	line, _ := r.ReadString('\n')
	if strings.HasSuffix(line, "<<\n") {
		for {
			more, err := r.ReadString('\n')
			if err != nil || more == "\n" {
				break
			}
		}
	}
	h.mu.Lock()
	h.got = append(h.got, strings.TrimSpace(line))
	h.mu.Unlock()
	for start, answer := range h.says {
		if strings.HasPrefix(line, start) {
			if answer == "hang" {
				_, _ = io.Copy(io.Discard, r)
				return
			}
			_, _ = io.WriteString(conn, answer+"\n\n")
		}
	}
}

// heard returns the commands so far.
func (h *fakeHAProxy) heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

// shownBy is how HAProxy shows lists.
func shownBy(lists ...string) string {
	return "Filename: x\nStatus: Used\n\n" + strings.Join(lists, "\n\n")
}

// Whatever HAProxy answers that is not that it goes by the lists is an error, the
// transaction is ended, and where there is a reload it is made, aloud.
func TestStatsSocketTrustsNoAnswer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "crls.pem")
	root, subCA := rootList(), subCAList(7)
	require.NoError(t, os.WriteFile(file, inPEM(root, subCA), 0o600))
	show := func(n int, at time.Time, serials ...string) string {
		text := fmt.Sprintf("Certificate Revocation List #%d:\nVersion 2\nIssuer: /O=nhs\nLast Update: %s\n", n, at.UTC().Format("Jan _2 15:04:05 2006 GMT"))
		for _, s := range serials {
			text += "    Serial Number: " + s + "\n        Revocation Date: x\n"
		}
		return text
	}
	rootShown, subCAShown := show(1, root.ThisUpdate), show(2, subCA.ThisUpdate, "07")
	good := func() map[string]string {
		return map[string]string{
			"show pools": "Dumping pools usage.\n  - Pool buffer (16384 bytes) : 4 allocated", "abort ssl": "No ongoing transaction!",
			"set ssl": "transaction created for CRL " + file + "!", "show ssl": shownBy(rootShown, subCAShown), "commit ssl": "Committing x.\nSuccess!",
		}
	}
	h := startFakeHAProxy(t, good())
	require.NoError(t, terminator.StatsSocket(h.path, nil, nil)(t.Context(), file))
	assert.Equal(t, []string{"show pools", "abort ssl crl-file " + file, "set ssl crl-file " + file + " <<", "show ssl crl-file *" + file, "commit ssl crl-file " + file, "show ssl crl-file " + file}, h.heard())

	for name, change := range map[string]func(map[string]string){
		"another level":   func(m map[string]string) { m["show pools"] = "Permission denied" },
		"no pools":        func(m map[string]string) { delete(m, "show pools") },
		"a small buffer":  func(m map[string]string) { m["show pools"] = "  - Pool buffer (1024 bytes)" },
		"an empty answer": func(m map[string]string) { m["set ssl"] = "" },
		"a file of another name": func(m map[string]string) {
			m["set ssl"] = "Can't replace a CRL file which is not referenced by the configuration!"
		},
		"the first list alone":     func(m map[string]string) { m["show ssl"] = shownBy(rootShown) },
		"another thisUpdate":       func(m map[string]string) { m["show ssl"] = shownBy(rootShown, show(2, time.Now(), "07")) },
		"another serial":           func(m map[string]string) { m["show ssl"] = shownBy(rootShown, show(2, subCA.ThisUpdate, "08")) },
		"no serial":                func(m map[string]string) { m["show ssl"] = shownBy(rootShown, show(2, subCA.ThisUpdate)) },
		"a commit without success": func(m map[string]string) { m["commit ssl"] = "Committing x.\nout of memory!" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			says := good()
			change(says)
			h := startFakeHAProxy(t, says)
			require.Error(t, terminator.StatsSocket(h.path, nil, nil)(t.Context(), file))
			if got := h.heard(); len(got) > 1 {
				assert.True(t, strings.HasPrefix(got[len(got)-1], "abort"), "%s", got)
			}
			var log testenv.Log
			reloaded := 0
			reload := func(context.Context, string) error { reloaded++; return nil }
			require.NoError(t, terminator.StatsSocket(h.path, reload, slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), file))
			assert.Equal(t, 1, reloaded)
			assert.Contains(t, log.String(), "HAProxy is reloaded")
		})
	}
	t.Run("a socket that is gone", func(t *testing.T) {
		t.Parallel()
		require.Error(t, terminator.StatsSocket("/nonexistent", nil, nil)(t.Context(), file))
		failed := errors.New("not today")
		require.ErrorIs(t, terminator.StatsSocket("/nonexistent", func(context.Context, string) error { return failed }, nil)(t.Context(), file), failed)
	})
	for _, at := range []string{"show pools", "show ssl"} {
		t.Run("a socket that hangs at "+at+", with a reload", func(t *testing.T) {
			t.Parallel()
			says := good()
			says[at] = "hang"
			h := startFakeHAProxy(t, says)
			reloaded := 0
			reload := func(context.Context, string) error { reloaded++; return nil }
			require.NoError(t, terminator.StatsSocketWithin(time.Second, h.path, reload, nil)(t.Context(), file))
			assert.Equal(t, 1, reloaded)
		})
	}
	t.Run("an answer without an end", func(t *testing.T) {
		t.Parallel()
		says := good()
		says["show ssl"] += strings.Repeat("\n", 4<<20)
		h := startFakeHAProxy(t, says)
		require.ErrorContains(t, terminator.StatsSocket(h.path, nil, nil)(t.Context(), file), "more than")
	})
	t.Run("a file without a list", func(t *testing.T) {
		t.Parallel()
		says := good()
		says["show ssl"] = shownBy("none")
		h := startFakeHAProxy(t, says)
		empty := filepath.Join(t.TempDir(), "crls.pem")
		require.NoError(t, os.WriteFile(empty, []byte("text\n"), 0o600))
		require.ErrorContains(t, terminator.StatsSocket(h.path, nil, nil)(t.Context(), empty), "no list")
	})
	t.Run("a socket that hangs", func(t *testing.T) {
		t.Parallel()
		says := good()
		says["show ssl"] = "hang"
		h := startFakeHAProxy(t, says)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- terminator.StatsSocket(h.path, nil, nil)(ctx, file) }()
		for deadline := time.Now().Add(time.Minute); len(h.heard()) < 4; {
			require.True(t, time.Now().Before(deadline))
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	t.Run("a name that is a command", func(t *testing.T) {
		t.Parallel()
		require.ErrorContains(t, terminator.StatsSocket(h.path, nil, nil)(t.Context(), "/x\nshutdown"), "cannot be named")
	})
}

// The real HAProxy is reloaded for a file that is larger than its buffer, and goes by it
// then.
func TestLargeFileHasHAProxyReloaded(t *testing.T) {
	if testing.Short() {
		t.Skip("starts HAProxy")
	}
	t.Parallel()
	testenv.Need(t, "haproxy", "haproxy")
	pki := testpki.Spine()
	var p kept
	for _, k := range keptPrograms() {
		if k.name == "haproxy-reloaded" {
			p = k
		}
	}
	rendered := p.around
	p.around = func(dir string, text []byte) string {
		return fmt.Sprintf("global\n    stats socket %s/stats mode 600 level admin\n%s", dir, rendered(dir, text))
	}
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(backend.Close)
	var file string
	r := p.launch(t, pki, func(params *terminator.Params) {
		params.Backend = strings.TrimPrefix(backend.URL, "http://")
		file = filepath.Join(filepath.Dir(params.CRLs), "kept.pem")
		params.CRLs = file
		require.NoError(t, os.WriteFile(file, inPEM(rootList(), subCAList()), 0o600))
	})
	peer := pki.Leaf(sspFQDN)
	require.Equal(t, http.StatusOK, p.fresh(t, r.addr, "/", peer))

	serials := []int64{peer.Leaf.SerialNumber.Int64()}
	for i := range int64(1000) {
		serials = append(serials, 1<<50+i)
	}
	require.NoError(t, os.WriteFile(file, inPEM(rootList(), newer(subCAList(serials...))), 0o600))
	socket := filepath.Join(filepath.Dir(r.config), "stats")
	require.ErrorContains(t, terminator.StatsSocket(socket, nil, nil)(t.Context(), file), "HAProxy's buffer has 16384")
	require.Equal(t, http.StatusOK, p.fresh(t, r.addr, "/", peer), "it goes by the old file")
	var log testenv.Log
	require.NoError(t, terminator.StatsSocket(socket, p.hook("", r), slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), file))
	assert.Contains(t, log.String(), "HAProxy is reloaded")
	for deadline := time.Now().Add(time.Minute); p.fresh(t, r.addr, "/", peer) == http.StatusOK; {
		require.True(t, time.Now().Before(deadline))
	}
}
