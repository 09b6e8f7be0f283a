// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// maxIncoming bounds the connections that are open at once. When there is one more, the
// one that has been silent longest is closed: a client sends its hello at once.
const maxIncoming = 64

// An incoming accepts connections until its listener is closed, and hands on those that
// have sent a whole hello, whatever other connections do meanwhile.
type incoming struct {
	listener net.Listener
	timeout  time.Duration // for a hello
	hellos   chan *hailed  // connections that have sent one
	ended    chan struct{} // closed when no more are accepted
	running  sync.WaitGroup

	mu     sync.Mutex
	err    error      // of the listener
	silent []net.Conn // those that have sent no whole hello yet, the oldest first
	open   int        // silent or not handed on yet
	others int        // that sent none
}

// A hailed connection has sent a hello, which is read again.
type hailed struct {
	net.Conn
	read io.Reader
}

func (h *hailed) Read(b []byte) (int, error) { return h.read.Read(b) }

func accept(l net.Listener, timeout time.Duration) *incoming {
	in := &incoming{listener: l, timeout: timeout, hellos: make(chan *hailed), ended: make(chan struct{})}
	in.running.Go(in.run)
	return in
}

func (in *incoming) run() {
	for {
		conn, err := in.listener.Accept()
		if err != nil {
			in.end(err)
			return
		}
		if in.enter(conn) {
			in.running.Go(func() { in.await(conn) })
		}
	}
}

// end closes what is silent and lets go of what is not handed on.
func (in *incoming) end(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.err = err
	for _, conn := range in.silent {
		conn.Close()
	}
	close(in.ended)
}

// enter makes room for a connection, or closes it if there is none.
func (in *incoming) enter(conn net.Conn) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.open >= maxIncoming {
		if len(in.silent) == 0 {
			conn.Close()
			return false
		}
		in.silent[0].Close()
		in.silent = in.silent[1:]
		in.open--
	}
	in.open++
	in.silent = append(in.silent, conn)
	return true
}

// await reads a hello, and hands the connection on or closes it.
func (in *incoming) await(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(in.timeout))
	octets, whole := readHello(conn)
	if !in.heard(conn, whole) {
		conn.Close()
		return
	}
	select {
	case in.hellos <- &hailed{conn, io.MultiReader(bytes.NewReader(octets), conn)}:
	case <-in.ended:
		conn.Close()
	}
	in.mu.Lock()
	in.open--
	in.mu.Unlock()
}

// heard notes that a connection is no longer silent, and reports whether it is to be
// handed on.
func (in *incoming) heard(conn net.Conn, whole bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := slices.Index(in.silent, conn)
	if i >= 0 { // else it made room for another
		in.silent = slices.Delete(in.silent, i, i+1)
	}
	if i >= 0 && whole {
		return true
	}
	if i >= 0 {
		in.open--
	}
	in.others++
	return false
}

// next returns the next connection that has sent a whole hello, or the error that ended
// the listener.
func (in *incoming) next() (*hailed, error) {
	select {
	case conn := <-in.hellos:
		return conn, nil
	case <-in.ended:
		return nil, in.err
	}
}

// count returns how many connections sent no whole hello until now.
func (in *incoming) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.others
}

// close closes the listener and what was not handed on.
func (in *incoming) close() {
	in.listener.Close()
	in.running.Wait()
}

// readHello reads a whole record of the handshake protocol, or the beginning of a hello of
// SSL version 2.
func readHello(r io.Reader) (octets []byte, whole bool) {
	octets = make([]byte, 5)
	if _, err := io.ReadFull(r, octets); err != nil {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(octets[3:]))
	switch {
	case octets[0]&0x80 != 0:
		return octets, octets[2] == 1
	case octets[0] != recordHandshake || length > maxRecord:
		return nil, false
	}
	octets = append(octets, make([]byte, length)...)
	_, err := io.ReadFull(r, octets[5:])
	return octets, err == nil
}
