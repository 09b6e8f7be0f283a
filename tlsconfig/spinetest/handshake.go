// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// patience bounds one handshake and the bytes after it.
const patience = 20 * time.Second

// An outcome is how a connection ended: each end's view.
type outcome struct {
	server, client       error // nil: the handshake was completed and a byte went each way
	serverSaw, clientSaw tls.ConnectionState
}

func (o *outcome) accepted() bool { return o.server == nil && o.client == nil }

// connect makes a connection over loopback between the two configs.
func connect(server, client *tls.Config) (*outcome, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	o := new(outcome)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			o.server = err
			return
		}
		o.serverSaw, o.server = converse(ctx, tls.Server(conn, server), []byte("s"))
	}()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		listener.Close()
		<-done
		return nil, err
	}
	o.clientSaw, o.client = converse(ctx, tls.Client(conn, client), []byte("c"))
	<-done
	if ctx.Err() != nil {
		return nil, errors.New("the handshake did not end")
	}
	return o, nil
}

// converse completes the handshake and exchanges a byte: in TLS 1.2 it is the
// first read that tells a client whether it was accepted. A panic in a hook of
// the config is an error, and a refusal.
func converse(ctx context.Context, conn *tls.Conn, send []byte) (state tls.ConnectionState, err error) {
	defer conn.Close()
	defer func() {
		if p := recover(); p != nil {
			conn.NetConn().Close()
			err = errors.New("a hook of the config panicked")
		}
	}()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return state, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return state, err
	}
	if _, err := conn.Write(send); err != nil {
		return state, err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return state, err
	}
	return conn.ConnectionState(), nil
}

// tls12 returns what the guidance allows, for the side of the test.
func tls12() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: native()}
}

// native returns the suites of the guidance that crypto/tls has, most preferred
// first.
func native() []uint16 {
	var ids []uint16
	for _, s := range tlsconfig.Suites() {
		if s.Native() {
			ids = append(ids, uint16(s))
		}
	}
	return ids
}

// foreign returns the suites of crypto/tls that the guidance does not list.
func foreign() []uint16 {
	var ids []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if slices.Contains(s.SupportedVersions, tls.VersionTLS12) && !slices.Contains(native(), s.ID) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// forbiddenVersions are those that crypto/tls has and the guidance does not.
func forbiddenVersions() []uint16 {
	return []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS13}
}
