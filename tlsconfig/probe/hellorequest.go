// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
)

// A connection to a client, and what has gone over it in the handshake that
// crypto/tls makes.
type served struct {
	conn          net.Conn
	read, written bytes.Buffer // from the client, and from us
	keys          bytes.Buffer // a key log
}

// A tapped connection records what goes over it.
type tapped struct {
	net.Conn
	served *served
}

func (t tapped) Read(b []byte) (int, error) {
	return recorder{t.Conn, &t.served.read}.Read(b)
}

func (t tapped) Write(b []byte) (int, error) {
	t.served.written.Write(b)
	return t.Conn.Write(b)
}

// maxRequest bounds how many records of the client's request are passed over.
const maxRequest = 64

// requestHello sends a HelloRequest over a connection that crypto/tls has made and
// will not use any more, and reports whether the client answers it with a hello.
func (s *served) requestHello(suite uint16) (begins bool, err error) {
	ours, err := readFlight(&s.written)
	if err != nil {
		return false, err
	}
	records, err := newRecords(suite, ours.random, s.keys.String())
	if err != nil {
		return false, err
	}
	from, to := records.out, records.in // named as a client has them
	if _, err := s.conn.Write(to.seal(recordHandshake, []byte{typeHelloRequest, 0, 0, 0})); err != nil {
		return false, err
	}
	if err := pastFinished(&s.read); err != nil {
		return false, err
	}
	in := io.MultiReader(&s.read, s.conn)
	for range maxRequest {
		kind, body, err := from.open(in)
		switch {
		case err != nil:
			return false, closedOr(err)
		case kind == recordAlert && len(body) == 2 && (body[0] == 2 || tls.AlertError(body[1]) == noRenegotiation || body[1] == 0):
			return false, alert(body[1])
		case kind == recordHandshake && len(body) > 0 && body[0] == typeClientHello:
			return true, nil
		case kind != recordAlert && kind != recordApplicationData:
			return false, fmt.Errorf("the client answers with a record of type %d", kind)
		}
	}
	return false, fmt.Errorf("the client's request has more than %d records", maxRequest)
}
