// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// A server is a PostgreSQL of the test's own, in a temporary folder and on a
// socket there.
type server struct {
	dir, binaries string
	account       *syscall.Credential // nil: the test's own
	cmd           *exec.Cmd
}

// startServer makes a database and starts its server, which ends with the test.
func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{binaries: binaries(t)}
	var err error
	// Not t.TempDir, which only its owner can enter.
	s.dir, err = os.MkdirTemp("", "pointers")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	if os.Getuid() == 0 { // as which PostgreSQL does not run
		nobody, err := user.Lookup("nobody")
		require.NoError(t, err)
		uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
		require.NoError(t, err)
		gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
		require.NoError(t, err)
		s.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(s.dir, int(uid), int(gid)))
	}
	out, err := s.program("initdb", "-D", s.dir+"/data", "-U", "nrl", "-A", "trust", "-E", "UTF8", "--locale=C", "-N").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Cleanup(func() {
		if s.cmd != nil && s.cmd.Process != nil { // whether it answers or not
			s.kill(t)
		}
	})
	s.start(t)
	return s
}

// binaries is the folder of PostgreSQL's programs, which Debian keeps off the PATH.
func binaries(t *testing.T) string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	require.NoError(t, err)
	if len(found) == 0 {
		return filepath.Dir(testenv.Need(t, "initdb", "postgresql"))
	}
	return filepath.Dir(slices.Max(found))
}

func (s *server) program(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.binaries, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	return cmd
}

// start starts the server and waits until it answers.
func (s *server) start(t *testing.T) {
	t.Helper()
	// What the system has taken survives a killed server without fsync, too.
	s.cmd = s.program("postgres", "-D", s.dir+"/data", "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60")
	require.NoError(t, s.cmd.Start())
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := pgx.Connect(context.Background(), s.url("test"))
		if err == nil {
			require.NoError(t, conn.Close(context.Background()))
			return
		}
		require.True(t, time.Now().Before(deadline), "the server does not answer: %v", err)
		time.Sleep(20 * time.Millisecond)
	}
}

// kill has the server end at once, without finishing anything (SIGQUIT, its
// "immediate shutdown").
func (s *server) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGQUIT))
	_ = s.cmd.Wait()
}

// url is that of the database, for a client by that name.
func (s *server) url(client string) string {
	q := url.Values{"host": {s.dir}, "user": {"nrl"}, "application_name": {client}}
	return "postgres:///postgres?" + q.Encode()
}
