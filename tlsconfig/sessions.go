// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/tls"
)

// A sessions keeps a client's sessions apart by the certificate that it
// presented when they began. To the server a resumed session is still that
// certificate's, which may have been renewed, and the old one revoked, since.
type sessions struct {
	own   *ownCertificate
	cache tls.ClientSessionCache
}

// Get implements tls.ClientSessionCache.
func (s *sessions) Get(key string) (*tls.ClientSessionState, bool) {
	if key = s.key(key); key == "" {
		return nil, false
	}
	return s.cache.Get(key)
}

// Put implements tls.ClientSessionCache.
func (s *sessions) Put(key string, session *tls.ClientSessionState) {
	if key = s.key(key); key != "" {
		s.cache.Put(key, session)
	}
}

// key returns "" if there is no certificate to present. A name has no NUL.
func (s *sessions) key(key string) string {
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	now, err := s.own.get(ctx)
	if err != nil {
		return ""
	}
	return key + "\x00" + string(now.sum[:])
}
