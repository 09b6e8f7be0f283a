// SPDX-License-Identifier: Apache-2.0

package front

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
)

// A connection is what can be known about where a connection comes from.
type connection struct {
	unix bool
	uid  int // of the process at the other end of a unix socket; -1: not known
	addr netip.Addr
	tcp  bool // addr is of a TCP connection itself, not of what wraps one
}

type connectionKey struct{}

// ConnContext is for [http.Server.ConnContext]. It looks at the connection itself:
// http.Request.RemoteAddr is a text that handlers change.
func (f *Front) ConnContext(ctx context.Context, c net.Conn) context.Context {
	known := connection{uid: -1}
	for {
		inner, ok := c.(interface{ NetConn() net.Conn }) // *tls.Conn
		if !ok {
			break
		}
		c = inner.NetConn()
	}
	switch socket := c.(type) {
	case nil: // a wrapper that has none beneath it: the address is not known
	case *net.UnixConn:
		known.unix = true
		if uid, err := peerUID(socket); err == nil {
			known.uid = uid
		}
	default:
		_, known.tcp = c.(*net.TCPConn)
		if addr, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			known.addr = addr.AddrPort().Addr().Unmap()
		}
	}
	return context.WithValue(ctx, connectionKey{}, &known)
}

// trusted returns nil for a request of the proxy's.
func (f *Front) trusted(r *http.Request) error {
	known, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok {
		return errors.New("http.Server.ConnContext is not Front.ConnContext")
	}
	switch {
	case known.unix:
		uids := f.UIDs
		if uids == nil {
			uids = []int{0, os.Getuid()}
		}
		if known.uid < 0 || !slices.Contains(uids, known.uid) {
			return errors.New("the process at the other end of the unix socket is not the proxy's user's")
		}
	case f.ProxyPeers != nil && r.TLS != nil:
		if _, err := f.ProxyPeers.Peer(r); err != nil {
			return err
		}
	default:
		if !slices.ContainsFunc(f.Proxies, func(p netip.Prefix) bool { return p.Contains(known.addr) }) {
			return errors.New("the connection does not come from the proxy's address")
		}
		if f.Secret == "" && !f.InsecureNoSecret {
			return errors.New("there is no Secret to know the proxy by")
		}
		if f.Secret == "" && !known.tcp { // as a PROXY protocol's header says, perhaps
			return errors.New("the connection is wrapped, and its address alone would be the proof")
		}
	}
	// A place of the proxy's configuration that sets no headers hands on those of
	// its client: the Secret, where there is one, is wanted on every connection.
	if f.Secret == "" {
		return nil
	}
	values := r.Header[SecretHeader]
	if len(values) != 1 {
		return errors.New(SecretHeader + " is not there exactly once")
	}
	// Of hashes, so that the length does not show either.
	got := hashed(values[0])
	if len(f.Secret) < minSecret || subtle.ConstantTimeCompare(got[:], f.secret[:]) != 1 {
		return errors.New(SecretHeader + " is not the proxy's")
	}
	return nil
}
