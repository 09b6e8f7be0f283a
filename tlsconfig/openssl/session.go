// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// session is one SSL over two BIOs in memory: bytes go in and come out, the
// network is its caller's. An SSL is not safe for concurrent use; enter and
// leave make session so.
type session struct {
	lib     *library
	context *sslContext
	server  bool

	mu     sync.Mutex // guards busy and doomed, and is not held during calls of libssl
	turn   sync.Cond  // signals that busy has become false
	busy   bool       // a goroutine is inside libssl
	doomed bool       // free the SSL when that call returns

	places     chan struct{} // of which each goroutine inside libssl has one
	ssl        uintptr       // 0: freed
	rbio, wbio uintptr       // belong to the SSL
}

func (c *sslContext) newSession(server bool, name string) (*session, error) {
	s := &session{lib: c.lib, context: c, server: server}
	s.turn.L = &s.mu
	err := c.lib.protected("SSL_new", func() bool {
		s.ssl = call(c.lib.sslNew, c.ctx)
		return s.ssl != 0
	})
	runtime.KeepAlive(c)
	if err != nil {
		return nil, err
	}
	c.lib.live.sessions.Add(1)
	if err := s.prepare(name); err != nil {
		s.free()
		return nil, err
	}
	return s, nil
}

func (s *session) prepare(name string) error {
	l := s.lib
	method := call(l.bioSMem)
	s.rbio, s.wbio = call(l.bioNew, method), call(l.bioNew, method)
	if s.rbio == 0 || s.wbio == 0 {
		call(l.bioFree, s.rbio) // which does nothing for 0
		call(l.bioFree, s.wbio)
		return errNoMemory
	}
	call(l.sslSetBio, s.ssl, s.rbio, s.wbio)
	if s.server {
		call(l.sslAcceptState, s.ssl)
		return s.staple(s.context.cert.OCSPStaple)
	}
	call(l.sslConnectState, s.ssl)
	if name == "" || net.ParseIP(name) != nil { // RFC 6066 section 3: no addresses
		return nil
	}
	host := cString(name)
	return l.protected("SSL_set_tlsext_host_name", func() bool {
		return int64(call(l.sslCtrl, s.ssl, ctrlServerName, nameTypeHost, uintptr(pointer(host)))) == 1
	})
}

// staple gives the SSL the response that it sends to clients which ask for one.
func (s *session) staple(response []byte) error {
	if len(response) == 0 {
		return nil
	}
	p, err := s.lib.given(response)
	if err != nil {
		return err
	}
	err = s.lib.protected("SSL_set_tlsext_status_ocsp_resp", func() bool {
		return int64(call(s.lib.sslCtrl, s.ssl, ctrlSetStatusResponse, uintptr(len(response)), p)) == 1
	})
	if err != nil {
		call(s.lib.cryptoFree, p, 0, 0)
	}
	return err // the SSL frees p from now on
}

// enter gives the caller the SSL to itself until it leaves, or says that it was
// freed.
func (s *session) enter() error { return s.enterAt(context.Background(), records) }

// enterAt is enter with a place among those given. A caller that waits for one has the
// SSL already, so that no call takes a place while it waits for an SSL.
func (s *session) enterAt(ctx context.Context, places chan struct{}) error {
	s.mu.Lock()
	for s.busy && !s.doomed {
		s.turn.Wait()
	}
	if s.doomed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.busy = true
	s.mu.Unlock()
	select {
	case places <- struct{}{}:
		s.places = places
		return nil
	case <-ctx.Done():
		s.pass()
		return ctx.Err()
	}
}

func (s *session) leave() {
	<-s.places
	s.pass()
}

// pass lets the next one in, or frees the SSL if there is to be none.
func (s *session) pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if s.doomed {
		s.release()
	}
	s.turn.Signal()
}

// free gives everything back to libssl, now or as soon as libssl returns: a key
// that signs elsewhere may take its time. What comes after it fails with
// net.ErrClosed.
func (s *session) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doomed = true
	if !s.busy {
		s.release()
	}
	s.turn.Broadcast()
}

func (s *session) release() {
	if s.ssl == 0 {
		return
	}
	call(s.lib.sslFree, s.ssl)
	s.ssl, s.rbio, s.wbio = 0, 0, 0
	s.lib.live.sessions.Add(-1)
}

// outcome is what a call of libssl came to.
type outcome int

const (
	done     outcome = iota + 1
	wantRead         // the peer's next bytes are wanted
	ended            // the peer closed its side
)

// attempt calls one of libssl's functions that move a connection on, with the
// error queue that SSL_get_error needs. The caller has entered.
func (s *session) attempt(what string, f func() int32) (n int, o outcome, err error) {
	const (
		errorWantRead   = 2
		errorZeroReturn = 6
	)
	err = s.lib.protected(what, func() bool {
		r := f()
		if r > 0 {
			n, o = int(r), done
			return true
		}
		switch int32(call(s.lib.sslGetError, s.ssl, uintptr(int(r)))) {
		case errorWantRead:
			o = wantRead
			return true
		case errorZeroReturn:
			o = ended
			return true
		}
		return false
	})
	return n, o, err
}

// feed hands bytes of the peer to libssl.
func (s *session) feed(b []byte) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.lib.write(s.rbio, b)
}

// drain appends what libssl has for the peer to b.
func (s *session) drain(b []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return b, err
	}
	defer s.leave()
	return s.lib.drain(s.wbio, b), nil
}

// handshake moves the handshake on as far as the bytes received allow. What
// libssl then has for the peer stays with it: the caller decides whether it may
// go out. known says whether libssl has a certificate of the peer.
func (s *session) handshake(ctx context.Context) (o outcome, known, output bool, err error) {
	if err := s.enterAt(ctx, s.context.places); err != nil {
		return 0, false, false, err
	}
	defer s.leave()
	_, o, err = s.attempt("SSL_do_handshake", func() int32 { return int32(call(s.lib.sslDoHandshake, s.ssl)) })
	return o, call(s.lib.sslPeerCertificate, s.ssl) != 0, s.lib.pending(s.wbio) > 0, err
}

// read decrypts into b. output says that libssl has something for the peer.
func (s *session) read(b []byte) (n int, o outcome, output bool, err error) {
	if err := s.enter(); err != nil {
		return 0, 0, false, err
	}
	defer s.leave()
	b = b[:min(len(b), 1<<30)] // SSL_read takes an int
	n, o, err = s.attempt("SSL_read", func() int32 {
		return int32(call(s.lib.sslRead, s.ssl, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
	})
	return n, o, s.lib.pending(s.wbio) > 0, err
}

// write encrypts b and appends the records to out.
func (s *session) write(b, out []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return out, err
	}
	defer s.leave()
	n, _, err := s.attempt("SSL_write", func() int32 {
		return int32(call(s.lib.sslWrite, s.ssl, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
	})
	if err == nil && n != len(b) {
		// A BIO in memory takes everything; only a renegotiation would stop libssl here.
		err = errRenegotiate
	}
	if err != nil {
		return out, err
	}
	return s.lib.drain(s.wbio, out), nil
}

// shutdown appends a close_notify to out.
func (s *session) shutdown(out []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return out, err
	}
	defer s.leave()
	err := s.lib.protected("SSL_shutdown", func() bool { return int32(call(s.lib.sslShutdown, s.ssl)) >= 0 })
	return s.lib.drain(s.wbio, out), err
}

// peer returns what the other end has presented so far.
func (s *session) peer() (chain []*x509.Certificate, stapled []byte, err error) {
	if err := s.enter(); err != nil {
		return nil, nil, err
	}
	defer s.leave()
	l := s.lib
	leaf := call(l.sslPeerCertificate, s.ssl)
	if leaf == 0 {
		return nil, nil, nil
	}
	certs := []uintptr{leaf}
	// A server's SSL keeps the leaf apart from the chain, a client's has it in both.
	stack := call(l.sslPeerChain, s.ssl)
	for i := range max(int32(call(l.skNum, stack)), 0) {
		if i == 0 && !s.server {
			continue
		}
		certs = append(certs, call(l.skValue, stack, uintptr(i)))
	}
	for i, cert := range certs {
		der, err := l.der(cert)
		if err != nil {
			return nil, nil, err
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil && i == 0 {
			return nil, nil, err
		}
		if err == nil { // behind the leaf nothing counts: the chain comes from the pins
			chain = append(chain, parsed)
		}
	}
	if !s.server {
		var response uintptr
		n := int64(call(l.sslCtrl, s.ssl, ctrlStatusResponse, 0, uintptr(unsafe.Pointer(&response))))
		if stapled, err = l.bytes(response, int(n)); err != nil {
			return nil, nil, err
		}
	}
	return chain, stapled, nil
}

// state describes a completed handshake, and refuses one outside the profile,
// which libssl should never have completed.
func (s *session) state(suites []tlsconfig.Suite) (tls.ConnectionState, error) {
	var cs tls.ConnectionState
	if err := s.enter(); err != nil {
		return cs, err
	}
	defer s.leave()
	l := s.lib
	cs.Version = uint16(call(l.sslVersion, s.ssl))
	cs.CipherSuite = uint16(call(l.cipherProtocolID, call(l.sslCurrentCipher, s.ssl)))
	if cs.Version != versionTLS12 || !slices.Contains(suites, tlsconfig.Suite(cs.CipherSuite)) {
		return cs, errOutsideProfile
	}
	var protocol uintptr
	var length uint32
	call(l.sslALPN, s.ssl, uintptr(unsafe.Pointer(&protocol)), uintptr(unsafe.Pointer(&length)))
	name, err := l.bytes(protocol, int(length))
	if err != nil {
		return cs, err
	}
	cs.NegotiatedProtocol = string(name)
	if s.server {
		if cs.ServerName, err = l.text(call(l.sslServerName, s.ssl, nameTypeHost)); err != nil {
			return cs, err
		}
	}
	cs.HandshakeComplete = true
	return cs, nil
}
