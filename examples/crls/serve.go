// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// servers are those of -mirror and -metrics.
type servers struct {
	listeners []net.Listener
	servers   []*http.Server
}

// listen listens on the addresses, and prints them once they can be called.
func (d *daemon) listen() (*servers, error) {
	var s servers
	add := func(what, address string, handler http.Handler) error {
		if address == "" {
			return nil
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			s.close()
			return fmt.Errorf("-%s: %w", what, err)
		}
		s.listeners = append(s.listeners, &limited{Listener: listener, room: make(chan struct{}, maxConnections)})
		s.servers = append(s.servers, &http.Server{
			Handler: handler, ErrorLog: slog.NewLogLogger(d.logger.Handler(), slog.LevelWarn),
			ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
			WriteTimeout: 5 * time.Minute, MaxHeaderBytes: 16 << 10,
			DisableGeneralOptionsHandler: true,
		})
		fmt.Fprintf(d.stdout, "%s listening on %s\n", what, listener.Addr())
		return nil
	}
	mirror := &revocation.Mirror{CRLs: d.crls, CAs: d.pinned.cas, Hosts: d.pinned.allowed}
	if err := mirror.Validate(); err != nil {
		return nil, err
	}
	if err := add("mirror", d.options.mirror, mirror); err != nil {
		return nil, err
	}
	return &s, add("metrics", d.options.metrics, d.metrics())
}

// serve serves until ctx ends.
func (s *servers) serve(ctx context.Context) error {
	var serving sync.WaitGroup
	failed := make(chan error, len(s.servers))
	for i, server := range s.servers {
		serving.Go(func() {
			if err := server.Serve(s.listeners[i]); err != http.ErrServerClosed {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, server := range s.servers {
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	}
	serving.Wait()
	return err
}

func (s *servers) close() {
	for _, listener := range s.listeners {
		listener.Close()
	}
}

// maxConnections bounds the connections of one listener; more are closed.
const maxConnections = 1000

// A limited is a listener of at most so many connections.
type limited struct {
	net.Listener
	room chan struct{}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.room <- struct{}{}:
			return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.room })}, nil
		default:
			conn.Close()
		}
	}
}

type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
