package revocation

import (
	"crypto/x509"
	"encoding/hex"
	"maps"
	"net/url"
	"sync"
	"sync/atomic"
)

// Bounds on what is remembered; whatever goes beyond starts the memory over.
// Only certificates whose chain has been verified get here, so it is a CA that
// would have to issue more.
const (
	ocspShards          = 256
	maxSubjectsPerShard = 64
	maxOCSPIssuers      = 64
)

// ocspSubjects remembers, for each certificate asked about, what does not
// change about it, so that a question that is answered in memory neither
// hashes nor allocates. Readers take no lock: each shard is an immutable map.
type ocspSubjects struct {
	adding  sync.Mutex
	issuers atomic.Pointer[map[*x509.Certificate]*ocspIssuer]
	shards  [ocspShards]atomic.Pointer[map[ocspSubjectKey]*ocspSubject]
}

type ocspSubjectKey struct {
	issuer *ocspIssuer
	serial [20]byte // big-endian, right-aligned
}

// An ocspSubject is a certificate as the OCSP source knows it.
type ocspSubject struct {
	issuer     *ocspIssuer
	serial     string // big-endian, no leading zeros
	judge      func(*ocspResponse) error
	questions  []ocspQuestion
	noQuestion error // why there are none

	stapled atomic.Pointer[ocspStapled]
	added   atomic.Pointer[ocspJudged]
	revoked atomic.Pointer[ocspVerdict] // the newest that says revoked
}

// An ocspQuestion is a request to one responder, and the key under which its
// answer is kept.
type ocspQuestion struct {
	key     string
	request Request
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

// revoke remembers a verdict of revoked, unless there is a newer one.
func (s *ocspSubject) revoke(v *ocspVerdict) {
	for {
		old := s.revoked.Load()
		if old != nil && !v.thisUpdate.After(old.thisUpdate) || // of two as new, the first will do
			s.revoked.CompareAndSwap(old, v) {
			return
		}
	}
}

// get returns the subject path[0], which path[1] issued.
func (s *ocspSubjects) get(source *OCSP, path []*x509.Certificate) (*ocspSubject, error) {
	if len(path) < 2 || path[0] == nil || path[1] == nil || path[0].SerialNumber == nil {
		return nil, &OCSPError{Err: ErrScope, Detail: "the certificate is asked about without its issuer"}
	}
	cert := path[0]
	if cert.SerialNumber.Sign() <= 0 || cert.SerialNumber.BitLen() > 8*20 {
		return nil, &OCSPError{Err: ErrMalformed, Detail: "the certificate's serial number is not positive or is longer than 20 octets"}
	}
	var key ocspSubjectKey
	cert.SerialNumber.FillBytes(key.serial[:])
	shard := &s.shards[key.serial[18]^key.serial[19]]
	if issuers := s.issuers.Load(); issuers != nil {
		if key.issuer = (*issuers)[path[1]]; key.issuer != nil {
			if subjects := shard.Load(); subjects != nil {
				if subject := (*subjects)[key]; subject != nil {
					return subject, nil
				}
			}
		}
	}
	return s.add(source, path, key, shard)
}

func (s *ocspSubjects) add(source *OCSP, path []*x509.Certificate, key ocspSubjectKey, shard *atomic.Pointer[map[ocspSubjectKey]*ocspSubject]) (*ocspSubject, error) {
	s.adding.Lock()
	defer s.adding.Unlock()
	if issuers := s.issuers.Load(); issuers != nil {
		key.issuer = (*issuers)[path[1]]
	}
	if key.issuer == nil {
		issuer, ok := newOCSPIssuer(path[1])
		if !ok {
			return nil, &OCSPError{Err: ErrMalformed, Detail: "the issuer's public key"}
		}
		key.issuer = issuer
		remember(&s.issuers, path[1], issuer, maxOCSPIssuers)
	}
	if subjects := shard.Load(); subjects != nil {
		if subject := (*subjects)[key]; subject != nil {
			return subject, nil
		}
	}
	subject := newOCSPSubject(source, path[0], key.issuer)
	remember(shard, key, subject, maxSubjectsPerShard)
	return subject, nil
}

// remember replaces a map by one with the entry added, or by one with nothing
// but the entry if it is full.
func remember[K comparable, V any](p *atomic.Pointer[map[K]V], key K, value V, most int) {
	next := map[K]V{}
	if old := p.Load(); old != nil && len(*old) < most {
		next = maps.Clone(*old)
	}
	next[key] = value
	p.Store(&next)
}

func newOCSPSubject(source *OCSP, cert *x509.Certificate, issuer *ocspIssuer) *ocspSubject {
	serial := cert.SerialNumber.Bytes()
	subject := &ocspSubject{issuer: issuer, serial: string(serial), noQuestion: errOCSPNoURL}
	subject.judge = func(r *ocspResponse) error { return r.judge(issuer, serial) }
	responders := cert.OCSPServer
	if source.Responder != "" {
		responders = []string{source.Responder}
	}
	id := " " + hex.EncodeToString(issuer.names[0]) + " " + hex.EncodeToString(issuer.keys[0]) + " " + hex.EncodeToString(serial)
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
		subject.questions = append(subject.questions, ocspQuestion{key: "ocsp " + responder + id, request: request})
	}
	return subject
}
