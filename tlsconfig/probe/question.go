// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// questions are those to one server.
type questions struct {
	*Prober
	address, name string
	report        *Report

	answered *hello            // the first that the server answered; nil: none yet
	taken    []tlsconfig.Suite // of the guidance, in its order
	seen     *flight           // a flight of TLS 1.2
}

func (q *questions) dial(ctx context.Context) (net.Conn, error) {
	timeout := q.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dial := q.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(limited, "tcp", q.address)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(timeout)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ask sends a hello and reads the answer.
func (q *questions) ask(ctx context.Context, h hello) (*flight, error) {
	h.serverName = q.name
	f, err := q.send(ctx, h.record())
	switch {
	case err != nil:
		return nil, q.unlessSilenced(ctx, err)
	case f.resumed && h.session == nil:
		return nil, errors.New("the server goes on with a session that was not offered")
	case q.answered == nil:
		q.answered = &h
	}
	return f, nil
}

// unlessSilenced returns the error of a hello, or another one that is no refusal: a
// connection that is closed without an alert is the server's refusal only while what was
// answered before is answered still. A server or firewall that has had enough connections
// closes those of every hello.
func (q *questions) unlessSilenced(ctx context.Context, err error) error {
	if _, isAlert := errors.AsType[alert](err); isAlert || !refused(err) || q.answered == nil {
		return err
	}
	if _, again := q.send(ctx, q.answered.record()); again != nil {
		return fmt.Errorf("%v, and no longer answers what it answered before: %v", err, again)
	}
	return err
}

func (q *questions) send(ctx context.Context, record []byte) (*flight, error) {
	conn, err := q.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write(record); err != nil {
		return nil, err
	}
	return readFlight(conn)
}

// refused reports whether an error is the server's refusal of a hello, and not a
// trouble with the connection. A reset is what some servers answer instead of an
// alert.
func refused(err error) bool {
	_, isAlert := errors.AsType[alert](err)
	return isAlert || errors.Is(err, errClosed) || isReset(err)
}

func suiteIDs(suites []tlsconfig.Suite) []uint16 {
	ids := make([]uint16, len(suites))
	for i, s := range suites {
		ids[i] = uint16(s)
	}
	return ids
}
