// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"sync"
	"time"
)

// A sessions keeps a client's sessions, and offers one only where resuming it is as
// good as a full handshake.
//
// Of this end's certificate: to the server a resumed session is still the
// certificate's that was presented when it began, which may have been renewed, and the
// old one revoked, since. So sessions are apart by it.
//
// Of the server's certificate: it is judged before the session is offered. Its SubCA
// may have been unpinned and it may have been revoked since, and a server that has
// another by now would be refused for the old one.
type sessions struct {
	endpoint *Endpoint
	own      *ownCertificate
	cache    tls.ClientSessionCache

	mu     sync.Mutex
	shown  [maxShown]Presented              // by servers that were verified last
	next   int                              // of shown
	begins map[[sha256.Size]byte]beginnings // by the own certificate
}

// A beginnings counts handshakes that have asked for a session and not yet brought
// one back.
type beginnings struct {
	open int
	last time.Time
}

const (
	maxShown = 16
	// longestHandshake is how long a handshake may take whose session is to be told
	// from those of the certificate before.
	longestHandshake = 10 * time.Minute
)

// Get implements tls.ClientSessionCache. It is called when a handshake begins.
func (s *sessions) Get(name string) (*tls.ClientSessionState, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	own := s.own.get(ctx).sum
	s.begin(own)
	key := sessionKey(name, own)
	session, ok := s.cache.Get(key)
	if !ok {
		return nil, false
	}
	if !s.good(name, session) {
		s.cache.Put(key, nil)
		return nil, false
	}
	return session, true
}

// Put implements tls.ClientSessionCache. It is called at the end of a handshake.
func (s *sessions) Put(name string, session *tls.ClientSessionState) {
	own := s.own.current.Load().sum
	if session == nil { // the one that was offered made the handshake fail
		s.cache.Put(sessionKey(name, own), nil)
		return
	}
	if s.end(own) && s.label(session) {
		s.cache.Put(sessionKey(name, own), session)
	}
}

// A name has no NUL.
func sessionKey(name string, own [sha256.Size]byte) string {
	return strings.ToLower(name) + "\x00" + string(own[:])
}

func (s *sessions) begin(own [sha256.Size]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begins == nil {
		s.begins = make(map[[sha256.Size]byte]beginnings)
	}
	now := time.Now()
	for other, b := range s.begins {
		if now.Sub(b.last) > longestHandshake {
			delete(s.begins, other)
		}
	}
	s.begins[own] = beginnings{s.begins[own].open + 1, now}
}

// end reports whether a handshake that ends now presented the certificate given: it is
// not known of each, so that none of another certificate's may be under way.
func (s *sessions) end(own [sha256.Size]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for other, b := range s.begins {
		if other != own && b.open > 0 && now.Sub(b.last) <= longestHandshake {
			return false
		}
	}
	b, ok := s.begins[own]
	if !ok || b.open == 0 {
		return false
	}
	b.open--
	s.begins[own] = b
	return true
}

// verified remembers what a server that was verified in a full handshake has shown:
// its session, which has a certificate within that crypto/tls does not show, comes later.
func (s *sessions) verified(p Presented) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[s.next%maxShown] = Presented{Certificates: p.Certificates[:1], OCSPResponse: p.OCSPResponse}
	s.next++
}

// label writes what the session's server has shown into it. A session whose server
// is not among the last is not cached.
func (s *sessions) label(session *tls.ClientSessionState) bool {
	_, state, err := session.ResumptionState()
	if err != nil || state == nil {
		return false
	}
	if len(state.Extra) > 0 {
		return true // a ticket that was renewed
	}
	within, err := state.Bytes()
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.shown {
		p := s.shown[(s.next+maxShown-1-i)%maxShown] // the latest first
		if len(p.Certificates) > 0 && bytes.Contains(within, p.Certificates[0].Raw) {
			state.Extra = [][]byte{p.Certificates[0].Raw, p.OCSPResponse}
			return true
		}
	}
	return false
}

// good judges the server of a session as it will be judged when it is resumed.
func (s *sessions) good(name string, session *tls.ClientSessionState) bool {
	_, state, err := session.ResumptionState()
	if err != nil || state == nil || len(state.Extra) != 2 {
		return false
	}
	leaf, err := x509.ParseCertificate(state.Extra[0])
	if err != nil {
		return false
	}
	p := Presented{Certificates: []*x509.Certificate{leaf}, Usage: x509.ExtKeyUsageServerAuth, ServerName: name}
	if len(state.Extra[1]) > 0 {
		p.OCSPResponse = state.Extra[1]
	}
	return s.endpoint.resumable(p)
}

// resumeTimeout bounds how long resuming a session is thought about: a full handshake
// has the same question answered with more time.
const resumeTimeout = time.Second

// resumable reports whether a peer is still good enough for its session to be
// resumed. Whatever it says, the handshake that follows judges the peer.
func (e *Endpoint) resumable(p Presented) (good bool) {
	defer func() {
		if recover() != nil {
			good = false
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), min(resumeTimeout, e.timeout()))
	defer cancel()
	_, err := e.Verifier.Verify(ctx, p)
	return err == nil
}
