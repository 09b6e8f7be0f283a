// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"context"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// patience is how long a test waits for a real process.
const patience = time.Minute

// A server is a redis-server that a test has started.
type server struct {
	t       testing.TB
	program string
	address string
	args    []string
	cmd     *exec.Cmd
	ended   chan struct{}
}

// startRedis starts a redis-server that keeps nothing on disk.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{t: t, program: testenv.Need(t, "redis-server", "redis-server"), address: testenv.FreeAddress(t), args: args}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	require.NoError(s.t, err)
	s.cmd = exec.Command(s.program, append([]string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", "--dir", s.t.TempDir()}, s.args...)...)
	require.NoError(s.t, s.cmd.Start())
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan<- struct{}) {
		_ = cmd.Wait() // it is killed
		close(ended)
	}(s.cmd, s.ended)
	client := s.client()
	eventually(s.t, "redis-server answers", func() bool { return client.Ping(context.Background()).Err() == nil })
}

// kill ends the server as a crash does, whether or not it is stopped.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
}

func (s *server) signal(signal syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(signal))
}

// client is a client of its own, as each process has one.
func (s *server) client() *redis.Client {
	return clientOf(s.t, func() string { return s.address })
}

// clientOf connects to where address says at the time.
func clientOf(t testing.TB, address func() string) *redis.Client {
	client := redis.NewClient(&redis.Options{
		ContextTimeoutEnabled: true, MaxRetries: -1,
		Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address())
		},
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// eventually waits for what a real process does.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
