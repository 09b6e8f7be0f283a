// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// A Server is what the examples that serve have in common.
type Server struct {
	Listen  string
	Handler http.Handler
	Wrap    func(net.Listener) (net.Listener, error) // puts TLS on the connections; nil: a proxy has ended it
	Front   *front.Front                             // of that proxy
	Stdout  io.Writer                                // told of the address once it can be called
	Logger  *slog.Logger                             // of handshakes
}

// Serve serves until ctx ends, and then finishes what is in flight.
func Serve(ctx context.Context, s Server) error {
	listener, err := listen(s.Listen)
	if err != nil {
		return err
	}
	if s.Front == nil {
		inner := listener
		if listener, err = s.Wrap(inner); err != nil {
			inner.Close()
			return err
		}
	}
	server := &http.Server{
		Handler:           s.Handler,
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
		ConnState:         logHandshake(s.Logger),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		// OPTIONS * would be answered before any check.
		DisableGeneralOptionsHandler: true,
	}
	if s.Front != nil {
		server.Handler, server.ConnContext = s.Front.Handler(s.Handler), s.Front.ConnContext
	}
	fmt.Fprintln(s.Stdout, "listening on", listener.Addr())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

// listen listens on an address or a unix socket, whose file may be there still because
// the process that made it was killed.
func listen(address string) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, unixPrefix)
	if !ok {
		return net.Listen("tcp", address)
	}
	listener, err := net.Listen("unix", path)
	if err == nil {
		return listener, nil
	}
	if info, statErr := os.Lstat(path); statErr != nil || info.Mode()&fs.ModeSocket == 0 {
		return nil, err
	}
	if conn, dialErr := net.Dial("unix", path); dialErr == nil {
		conn.Close()
		return nil, err
	} else if !errors.Is(dialErr, syscall.ECONNREFUSED) {
		return nil, err
	}
	if removeErr := os.Remove(path); removeErr != nil {
		return nil, errors.Join(err, removeErr)
	}
	return net.Listen("unix", path)
}

// logHandshake logs each connection once, when its handshake was good, at its
// first request or, if there was none, at its end. The others are in the server's
// ErrorLog or, with libssl, in the endpoint's Logger.
func logHandshake(logger *slog.Logger) func(net.Conn, http.ConnState) {
	var logged sync.Map
	return func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateClosed, http.StateHijacked:
			if _, again := logged.LoadAndDelete(conn); again {
				return
			}
		case http.StateActive:
			if _, again := logged.LoadOrStore(conn, true); again {
				return
			}
		default:
			return
		}
		secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
		if !ok {
			return
		}
		cs := secure.ConnectionState()
		if !cs.HandshakeComplete {
			return
		}
		logger.Info("handshake", "remote", conn.RemoteAddr().String(),
			"suite", tlsconfig.Suite(cs.CipherSuite).String(), "protocol", tls.VersionName(cs.Version), "resumed", cs.DidResume)
	}
}
