// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync/atomic"

	"golang.org/x/crypto/ocsp"
)

// ocspSubjects remembers, for each of a bounded number of certificates, what
// does not change about it, so that a question that is answered in memory
// neither hashes nor allocates. Each certificate has a few places that follow
// from its serial number; where they are taken, one is given up at random.
// Readers take no lock.
type ocspSubjects struct {
	slots atomic.Pointer[[ocspSlots]atomic.Pointer[ocspSubject]]
}

const (
	ocspSlots = 1 << 16
	ocspWays  = 8
)

// An ocspSubject is a certificate as the OCSP source knows it.
type ocspSubject struct {
	number     *big.Int
	issuer     *ocspIssuer
	serial     []byte // big-endian, no leading zeros
	judge      func(*ocspResponse) error
	questions  []ocspQuestion
	noQuestion error // why there are none

	warm    atomic.Pointer[ocspWarm]
	stapled atomic.Pointer[ocspStapled]
	added   atomic.Pointer[ocspJudged]
	last    atomic.Pointer[ocspVerdict] // the newest that says revoked, or the good one that takes it back
}

// An ocspQuestion is a request to one responder, and the key under which its
// answer is kept.
type ocspQuestion struct {
	key     string
	request Request
	judge   func(*ocspResponse) error
	spot    spot[*ocspResponse]
	cached  recollection
}

// An ocspStapled is the last stapled response that was believed.
type ocspStapled struct {
	sum     [32]byte // SHA-256 of the response
	verdict ocspVerdict
}

// An ocspJudged is what the added responses say.
type ocspJudged struct {
	of       *ocspAdded
	verdicts []*ocspVerdict
	errs     []error
}

// remember remembers a verdict of revoked, unless there is a newer one, and what
// takes it back.
func (s *ocspSubject) remember(v *ocspVerdict) {
	for {
		old := s.last.Load()
		if old == nil && v.status != ocsp.Revoked || !v.newer(old) ||
			old != nil && old.status == v.status && old.thisUpdate.Equal(v.thisUpdate) || // of two as new, the first will do
			s.last.CompareAndSwap(old, v) {
			return
		}
	}
}

// revoked returns the verdict of revoked that nothing newer has taken back, or nil.
func (s *ocspSubject) revoked() *ocspVerdict {
	if last := s.last.Load(); last != nil && last.status == ocsp.Revoked {
		return last
	}
	return nil
}

// get returns the subject path[0], which path[1] issued.
func (s *ocspSubjects) get(source *OCSP, path []*x509.Certificate) (*ocspSubject, error) {
	if len(path) < 2 || path[0] == nil || path[1] == nil || path[0].SerialNumber == nil {
		return nil, &OCSPError{Err: ErrScope, Detail: "the certificate is asked about without its issuer"}
	}
	slots := s.slots.Load()
	if slots == nil {
		s.slots.CompareAndSwap(nil, new([ocspSlots]atomic.Pointer[ocspSubject]))
		slots = s.slots.Load()
	}
	number := path[0].SerialNumber
	var low uint64
	if words := number.Bits(); len(words) > 0 {
		low = uint64(words[0])
	}
	const fibonacci = 0x9e3779b97f4a7c15 // spreads numbers that follow each other
	first := low * fibonacci >> 32 % (ocspSlots / ocspWays) * ocspWays
	ways := slots[first : first+ocspWays]
	var free *atomic.Pointer[ocspSubject]
	for i := range ways {
		switch subject := ways[i].Load(); {
		case subject == nil:
			if free == nil {
				free = &ways[i]
			}
		case subject.is(number, path[1]):
			return subject, nil
		}
	}
	if free == nil {
		free = &ways[rand.IntN(ocspWays)]
	}
	old := free.Load()
	subject, err := newOCSPSubject(source, path[0], path[1])
	if err != nil {
		return nil, err
	}
	if !free.CompareAndSwap(old, subject) {
		// Whoever was quicker most likely had the same certificate in mind.
		if other := free.Load(); other.is(number, path[1]) {
			return other, nil
		}
	}
	return subject, nil
}

// is says whether the subject is the certificate of that number and issuer.
func (s *ocspSubject) is(number *big.Int, issuer *x509.Certificate) bool {
	return s.number.Cmp(number) == 0 && (s.issuer.cert == issuer || bytes.Equal(s.issuer.cert.Raw, issuer.Raw))
}

func newOCSPSubject(source *OCSP, cert, issuedBy *x509.Certificate) (*ocspSubject, error) {
	if cert.SerialNumber.Sign() <= 0 || cert.SerialNumber.BitLen() > 8*20 { // RFC 5280 section 4.1.2.2
		return nil, &OCSPError{Err: ErrMalformed, Detail: "the certificate's serial number is not positive or is longer than 20 octets"}
	}
	issuer, ok := newOCSPIssuer(issuedBy)
	if !ok {
		return nil, &OCSPError{Err: ErrMalformed, Detail: "the issuer's public key"}
	}
	serial := cert.SerialNumber.Bytes()
	subject := &ocspSubject{number: cert.SerialNumber, issuer: issuer, serial: serial, noQuestion: errOCSPNoURL}
	subject.judge = func(r *ocspResponse) error { return r.judge(issuer, serial) }
	responders := cert.OCSPServer
	if source.Responder != "" {
		responders = []string{source.Responder}
	}
	// What a CertID says, in few bytes: the key is hashed for every answer.
	id := sha256.Sum256(slices.Concat(issuer.names[1], issuer.keys[1], serial))
	for _, responder := range responders {
		if u, err := url.Parse(responder); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			subject.noQuestion = &OCSPError{Source: responder, Err: ErrNoSource, Detail: "passed over: not an http or https URL"}
			continue
		}
		request, err := ocspRequest(responder, cert, issuer.cert, source.NoNonce)
		if err != nil {
			subject.noQuestion = err
			continue
		}
		subject.questions = append(subject.questions, ocspQuestion{
			key:     "ocsp " + responder + " " + base64.RawURLEncoding.EncodeToString(id[:]),
			request: request,
			judge: func(r *ocspResponse) error {
				r.source = responder // and not the URL of a GET
				return r.judge(issuer, serial)
			},
		})
	}
	return subject, nil
}
