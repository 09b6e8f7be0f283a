// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Parse makes a certificate of what the files hold, in the order of their names.
type Parse func(ctx context.Context, contents [][]byte) (*tls.Certificate, error)

// Source returns a tlsconfig.CertificateSource: what parse makes of the files, which
// are looked at again if a second has passed since the last look. While they hold the
// same the certificate is the same; while they hold what parse refuses, or cannot be
// read, the last good one is returned with the error.
func Source(parse Parse, names ...string) func(context.Context) (*tls.Certificate, error) {
	return (&source{names: names, parse: parse, read: Read}).get
}

type source struct {
	names []string
	parse Parse
	read  func(name string) ([]byte, error)

	looking sync.Mutex
	last    atomic.Pointer[look]
}

// A look is what came of one look at the files.
type look struct {
	at   time.Time
	cert *tls.Certificate  // the last good one; nil: there was none yet
	sum  [sha256.Size]byte // of what it was made of
	err  error             // why it is not what the files hold now
}

// every bounds how often handshakes read the files.
const every = time.Second

func (l *look) fresh() bool {
	if l == nil {
		return false
	}
	age := time.Since(l.at)
	return age >= 0 && age < every
}

func (s *source) get(ctx context.Context) (*tls.Certificate, error) {
	last := s.last.Load()
	if last.fresh() {
		return last.cert, last.err
	}
	// One handshake reads; the others need not wait for a slow disk if there
	// is something to present.
	if last == nil || last.cert == nil {
		s.looking.Lock()
	} else if !s.looking.TryLock() {
		return last.cert, last.err
	}
	defer s.looking.Unlock()
	if last = s.last.Load(); !last.fresh() {
		last = s.look(ctx, last)
		// That one caller has ended its asking says nothing to the others.
		if last.err == nil || ctx.Err() == nil {
			s.last.Store(last)
		}
	}
	return last.cert, last.err
}

// look compares contents, not times of modification: those are too coarse to
// tell a file half written from one written.
func (s *source) look(ctx context.Context, last *look) *look {
	next := &look{at: time.Now()}
	var known *[sha256.Size]byte
	if last != nil && last.cert != nil {
		next.cert, next.sum, known = last.cert, last.sum, &last.sum
	}
	contents, sum, err := s.contents(known)
	if err != nil {
		next.err = err
		return next
	}
	if contents == nil {
		return next
	}
	cert, err := s.parse(ctx, contents)
	if err != nil {
		next.err = err
		return next
	}
	next.cert, next.sum = cert, sum
	return next
}

// contents reads the files until two readings in succession agree: who renews them
// replaces one after the other, and what one says is not to be judged beside what
// another said before that. It returns none if they are those known.
func (s *source) contents(known *[sha256.Size]byte) ([][]byte, [sha256.Size]byte, error) {
	const readings = 5
	var before [sha256.Size]byte
	for i := range readings {
		contents, sum, err := s.once()
		switch {
		case err != nil:
			return nil, sum, err
		case known != nil && sum == *known:
			return nil, sum, nil
		case i > 0 && sum == before:
			return contents, sum, nil
		}
		before = sum
	}
	return nil, before, errors.New(strings.Join(s.names, ", ") + " changed each time that they were read")
}

// once reads each of the files once.
func (s *source) once() (contents [][]byte, sum [sha256.Size]byte, err error) {
	var sums []byte
	for _, name := range s.names {
		data, err := s.read(name)
		if err != nil {
			return nil, sum, err
		}
		contents = append(contents, data)
		one := sha256.Sum256(data)
		sums = append(sums, one[:]...)
	}
	return contents, sha256.Sum256(sums), nil
}
