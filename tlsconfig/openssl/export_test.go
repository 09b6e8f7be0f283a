// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"net"
	"unsafe"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Live counts the C objects that are not freed, by kind.
func Live() map[string]int64 {
	l, err := system()
	if err != nil {
		return nil
	}
	return map[string]int64{
		"SSL_CTX":  l.live.contexts.Load(),
		"SSL":      l.live.sessions.Load(),
		"BIO":      l.live.bios.Load(),
		"X509":     l.live.certificates.Load(),
		"EVP_PKEY": l.live.keys.Load(),
	}
}

// NewServer makes server connections without a listener.
func NewServer(e *tlsconfig.Endpoint) (func(net.Conn) *Conn, error) {
	d, err := newEnd(e, true)
	if err != nil {
		return nil, err
	}
	return func(inner net.Conn) *Conn { return newConn(inner, d, "") }, nil
}

// NewServerSigning is NewServer with n places for a key that signs elsewhere.
func NewServerSigning(e *tlsconfig.Endpoint, n int) (func(net.Conn) *Conn, error) {
	d, err := newEnd(e, true)
	if err != nil {
		return nil, err
	}
	d.signing = make(chan struct{}, n)
	d.current.places = d.signing
	return func(inner net.Conn) *Conn { return newConn(inner, d, "") }, nil
}

// Inner is the network connection.
func Inner(c *Conn) net.Conn { return c.inner }

// SetInner replaces it before the handshake.
func SetInner(c *Conn, inner net.Conn) { c.inner = inner }

// NewDialerOffering is a dialler that offers the suites in an order of its own.
func NewDialerOffering(e *tlsconfig.Endpoint, offer []tlsconfig.Suite) (*Dialer, error) {
	d, err := NewDialer(e)
	if err != nil {
		return nil, err
	}
	d.end.suites = offer
	d.end.current = nil
	return d, nil
}

// NewDialerAt is a dialler whose SSL_CTX has another security level.
func NewDialerAt(level int, e *tlsconfig.Endpoint) (*Dialer, error) {
	d, err := newEndAt(level, e, false)
	return &Dialer{end: d}, err
}

// NewServerAt is NewServer with an SSL_CTX of another security level.
func NewServerAt(level int, e *tlsconfig.Endpoint) (func(net.Conn) *Conn, error) {
	d, err := newEndAt(level, e, true)
	return func(inner net.Conn) *Conn { return newConn(inner, d, "") }, err
}

// NewDialerAccepting is a dialler that accepts signatures of one algorithm alone, of libssl's
// name.
func NewDialerAccepting(algorithm string, e *tlsconfig.Endpoint) (*Dialer, error) {
	d, err := newEndWith(ctrlSignatureAlgorithms, algorithm, e, false)
	return &Dialer{end: d}, err
}

// NewServerAccepting is NewServer for one that asks for one algorithm alone.
func NewServerAccepting(algorithm string, e *tlsconfig.Endpoint) (func(net.Conn) *Conn, error) {
	d, err := newEndWith(ctrlClientAlgorithms, algorithm, e, true)
	return func(inner net.Conn) *Conn { return newConn(inner, d, "") }, err
}

// NewServerSigningBy is NewServer with a key that signs by an algorithm whether it can or not.
func NewServerSigningBy(algorithm string, e *tlsconfig.Endpoint) (func(net.Conn) *Conn, error) {
	d, err := newEndWith(ctrlSignatureAlgorithms, algorithm, e, true)
	return func(inner net.Conn) *Conn { return newConn(inner, d, "") }, err
}

func newEndWith(cmd uintptr, algorithm string, e *tlsconfig.Endpoint, server bool) (*end, error) {
	d, err := newEnd(e, server)
	if err != nil {
		return nil, err
	}
	list := cString(algorithm)
	return d, d.lib.protected("SSL_CTX_set1_sigalgs_list", func() bool {
		return int64(call(d.lib.ctxCtrl, d.current.ctx, cmd, 0, uintptr(pointer(list)))) == 1
	})
}

func newEndAt(level int, e *tlsconfig.Endpoint, server bool) (*end, error) {
	d, err := newEnd(e, server)
	if err == nil {
		call(d.lib.ctxSetLevel, d.current.ctx, uintptr(level))
	}
	return d, err
}

// Options are those of the SSL_CTX of a server's end, or of a client's.
func Options(e *tlsconfig.Endpoint, server bool) (uint64, error) {
	d, err := newEnd(e, server)
	if err != nil {
		return 0, err
	}
	return uint64(call(d.lib.ctxSetOptions, d.current.ctx, 0)), nil // which adds none
}

// Load finds the libraries of these names.
func Load(libcrypto, libssl string) error {
	_, err := load(libcrypto, libssl)
	return err
}

// Version is the library's own word.
func Version() string {
	l, err := system()
	if err != nil {
		return err.Error()
	}
	return l.version
}

// CheckVersion judges what OpenSSL_version_num returned.
func CheckVersion(number uint64) error { return checkVersion(number) }

// SelectProtocol answers an offer of protocols.
func SelectProtocol(offered []byte) (name string, ok bool) {
	var out *byte
	var length byte
	ok = selectProtocol(0, &out, &length, unsafe.SliceData(offered), uint32(len(offered)), 0) == 0
	return string(unsafe.Slice(out, length)), ok
}
