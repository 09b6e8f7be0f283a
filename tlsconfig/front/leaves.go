// SPDX-License-Identifier: Apache-2.0

package front

import (
	"crypto/x509"
	"sync"
)

// leaves are certificates that were verified once, by the octets of the header
// that they came in, so that a request of a client that is known parses nothing.
// They are verified again each time; only what has chained to the pins is cached, so
// that no client can fill it.
type leaves struct {
	mu       sync.RWMutex
	new, old map[string]*x509.Certificate
	octets   int // of the keys of new
}

const (
	maxLeaves     = 4096
	maxLeafOctets = 8 << 20
)

// get returns the certificate of a header. known: put has nothing to do.
func (l *leaves) get(decode func(string) ([]byte, error), header string) (cert *x509.Certificate, known bool, err error) {
	l.mu.RLock()
	cert, known = l.new[header]
	if !known {
		cert = l.old[header]
	}
	l.mu.RUnlock()
	if cert != nil {
		return cert, known, nil
	}
	raw, err := decode(header)
	if err != nil {
		return nil, false, err
	}
	cert, err = x509.ParseCertificate(raw)
	return cert, false, err
}

// put keeps a certificate. Those that were not asked for while the newer half was
// filled go.
func (l *leaves) put(header string, cert *x509.Certificate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.new[header]; known {
		return
	}
	if l.new == nil || len(l.new) == maxLeaves || l.octets+len(header) > maxLeafOctets {
		l.old, l.new, l.octets = l.new, make(map[string]*x509.Certificate), 0
	}
	l.new[header] = cert
	l.octets += len(header)
}
