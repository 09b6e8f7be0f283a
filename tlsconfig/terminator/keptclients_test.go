// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A steady client keeps its connection.
type steady struct {
	transport *http.Transport
	path      string
	reused    atomic.Bool // the last request went over a connection that there was
}

func newSteady(addr string, cert tls.Certificate) *steady {
	return &steady{path: "/", transport: &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&tls.Dialer{Config: client(&cert, nil)}).DialContext(ctx, "tcp", addr)
	}}}
}

func (s *steady) close() { s.transport.CloseIdleConnections() }

// get returns the status, 0 if there was no answer.
func (s *steady) get(t *testing.T) int {
	status, _ := s.try(t.Context())
	return status
}

func (s *steady) try(ctx context.Context) (status int, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { s.reused.Store(info.Reused) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+serverFQDN+s.path, nil)
	if err != nil {
		return 0, err
	}
	resp, err := (&http.Client{Transport: s.transport, Timeout: time.Minute}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// pace is how often clients ask: often enough to meet each stage of a reload, and
// seldom enough to leave the processors to the programs.
const pace = 5 * time.Millisecond

// A load is good peers that ask at that pace: one that keeps its connection, which
// retries as net/http does where the connection ended before an answer began, and one
// that makes one for each request.
type load struct {
	stopped chan struct{}
	wait    sync.WaitGroup
	n       atomic.Int64
	mu      sync.Mutex
	lost    []string
}

func startLoad(t *testing.T, addr string, cert tls.Certificate) *load {
	l := &load{stopped: make(chan struct{})}
	steadily, each := newSteady(addr, cert), newSteady(addr, cert)
	each.transport.DisableKeepAlives = true
	for _, s := range []*steady{steadily, each} {
		l.wait.Go(func() {
			defer s.close()
			turn := time.NewTicker(pace)
			defer turn.Stop()
			for {
				select {
				case <-l.stopped:
					return
				case <-turn.C:
				}
				status, err := s.try(context.Background())
				l.n.Add(1)
				if status != http.StatusOK || err != nil {
					l.mu.Lock()
					l.lost = append(l.lost, fmt.Sprintf("%d %v", status, err))
					l.mu.Unlock()
				}
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *load) stop() (n int64, lost []string) {
	l.mu.Lock()
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	l.mu.Unlock()
	l.wait.Wait()
	return l.n.Load(), l.lost
}
