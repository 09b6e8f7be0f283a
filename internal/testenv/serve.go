// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"net"
	"net/http"
	"testing"
)

// Serve has the server take connections from l until the test ends.
func Serve(t testing.TB, server *http.Server, l net.Listener) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // it ends when it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
}

// Accept listens on the loopback interface until the test ends, and returns where.
// It calls each with every connection, in a goroutine of its own.
func Accept(t testing.TB, each func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go each(conn)
		}
	}()
	return l.Addr().String()
}
