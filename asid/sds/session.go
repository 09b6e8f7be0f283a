// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A searcher answers questions to the directory.
type searcher interface {
	// search returns the entries, or asid.ErrNotFound if the directory said that
	// there is no such entry. Anything else than the whole answer is an error.
	search(search) ([]record, error)

	// pages hands each entry of a class below base to add.
	pages(ctx context.Context, base, filter string, attributes []string, add func(record) error) error
}

// A session is one verified connection to the directory, bound anonymously: SDS
// knows its callers by their certificates. It is safe for concurrent use.
type session struct {
	link *link
	raw  net.Conn
	tls  *tls.Conn
	wire *framed
	conn *ldap.Conn
}

// dial connects and asks the canary.
func (l *link) dial(ctx context.Context) (*session, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	made := false
	defer func() {
		if !made { // by a panic, too
			raw.Close()
		}
	}()
	secure := tls.Client(raw, l.config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	s := &session{link: l, raw: raw, tls: secure}
	s.wire = &framed{Conn: secure, most: l.maxBytes, timeout: l.timeout}
	s.conn = ldap.NewConn(s.wire, true)
	s.conn.SetTimeout(l.timeout)
	s.conn.Start()
	if l.greet != nil {
		stop := context.AfterFunc(ctx, s.close)
		defer stop()
		if err := l.greet(s); err != nil {
			return nil, err
		}
	}
	made = true
	return s, nil
}

// verify judges the directory's certificate by what is known now.
func (s *session) verify(ctx context.Context) error {
	state := s.tls.ConnectionState()
	return s.link.endpoint.VerifyPeer(ctx, tlsconfig.Presented{
		Certificates: state.PeerCertificates, Usage: x509.ExtKeyUsageServerAuth,
		ServerName: s.link.host, OCSPResponse: state.OCSPResponse,
	})
}

// close ends the connection; the library's goroutines end with it.
func (s *session) close() { s.raw.Close() }

func (s *session) closed() bool { return s.conn.IsClosing() }

// A search is a question to the directory.
type search struct {
	base       string // the name of the entry, or of that above the entries
	parent     string // of base; a noSuchObject that matched as far as this says that there is no such entry
	children   bool   // whether the entries below base are meant, not base itself
	filter     string
	attributes []string
	most       int // entries that an answer may have
}

var errNoBase = errors.New("the directory shows no entry above the records")

func (s *session) search(q search) ([]record, error) {
	scope := ldap.ScopeBaseObject
	if q.children {
		scope = ldap.ScopeSingleLevel
	}
	request := ldap.NewSearchRequest(q.base, scope, ldap.NeverDerefAliases, q.most+1,
		max(int(s.link.timeout/time.Second), 1), false, q.filter, q.attributes, nil)
	request.EnforceSizeLimit = true
	result, err := s.ask(request)
	if err != nil {
		if refusal, ok := errors.AsType[*ldap.Error](err); ok && refusal.ResultCode == ldap.LDAPResultNoSuchObject {
			// Lost access is answered so, too, but without the entry above.
			if q.parent != "" && sameDN(refusal.MatchedDN, q.parent) {
				return nil, asid.ErrNotFound
			}
			return nil, errNoBase
		}
		return nil, partial(err)
	}
	switch {
	case len(result.Referrals) > 0:
		return nil, fmt.Errorf("the directory refers to another one: %w", ErrPartial)
	case len(result.Entries) > q.most:
		return nil, fmt.Errorf("the directory gave more than %d records: %w", q.most, ErrAmbiguous)
	}
	return readEntries(result.Entries)
}

// ask has the library ask. It collects the whole answer before it returns.
func (s *session) ask(request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	s.wire.begin()
	defer s.wire.end()
	return s.conn.Search(request)
}

// partial says of an error whether there would have been more. Of the message of a
// directory's refusal it keeps the first 200 bytes: caches remember one for each key.
func partial(err error) error {
	if refusal, ok := errors.AsType[*ldap.Error](err); ok && refusal.Packet != nil {
		err = ldap.NewError(refusal.ResultCode, fmt.Errorf("%.200q", refusal.Err.Error()))
	}
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultReferral) {
		return fmt.Errorf("%w: %w", ErrPartial, err)
	}
	return err
}

func readEntries(entries []*ldap.Entry) ([]record, error) {
	records := make([]record, len(entries))
	for i, from := range entries {
		records[i] = newRecord()
		for _, a := range from.Attributes {
			if err := records[i].add(a.Name, a.Values); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}

func sameDN(a, b string) bool {
	x, err := ldap.ParseDN(a)
	if err != nil {
		return false
	}
	y, err := ldap.ParseDN(b)
	return err == nil && x.EqualFold(y)
}

// broken reports whether err is of the connection, not of the directory: the
// connection is then of no more use.
func broken(err error) bool {
	if refusal, ok := errors.AsType[*ldap.Error](err); ok {
		return refusal.ResultCode >= ldap.ErrorNetwork || refusal.ResultCode == ldap.LDAPResultUnavailable ||
			refusal.ResultCode == ldap.LDAPResultBusy
	}
	if own, ok := errors.AsType[*Error](err); ok && own.Err == nil {
		return false
	}
	for _, ours := range []error{asid.ErrNotFound, ErrPartial, ErrAmbiguous, errNoBase} {
		if errors.Is(err, ours) {
			return false
		}
	}
	return true
}

// maxAnswer bounds what the directory sends in answer to one question, all messages
// together: a page of 250 systems, each with several hundred interactions, is a
// quarter of it.
const maxAnswer = 64 << 20

// A framed connection passes on messages of the directory (RFC 4511 section
// 4.1.1) up to a size, as many as the questions allow, and no other bytes.
type framed struct {
	net.Conn
	most    int
	timeout time.Duration
	header  []byte // of the present message, not yet passed on
	left    int    // of the present message after its header

	mu        sync.Mutex // guards what follows
	questions int        // that are not answered yet
	allowance int64      // bytes of the answers to them that may still come
}

// begin allows the answer to one more question.
func (f *framed) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.questions++
	f.allow(maxAnswer)
}

// end is for when a question has been answered. What that did not need is no other's.
func (f *framed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.questions--
	f.allow(0)
}

// allow allows so much more, but no more than is due to the questions. f.mu is held.
func (f *framed) allow(more int64) {
	f.allowance = min(f.allowance+more, int64(max(f.questions, 1))*maxAnswer)
}

// spend takes a message off what is allowed, and reports whether it was.
func (f *framed) spend(size int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.allowance -= int64(size)
	return f.allowance >= 0
}

func (f *framed) Read(p []byte) (int, error) {
	if len(f.header) == 0 && f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	if len(f.header) > 0 {
		n := copy(p, f.header)
		f.header = f.header[n:]
		return n, nil
	}
	n, err := f.Conn.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// next reads the tag and the length of a message: a SEQUENCE of definite length.
func (f *framed) next() error {
	var b [6]byte
	if _, err := io.ReadFull(f.Conn, b[:2]); err != nil {
		return err
	}
	length, size := int(b[1]), 2
	if b[1] >= 0x80 {
		octets := int(b[1] & 0x7F)
		if octets == 0 || octets > 4 {
			return fmt.Errorf("a message has a length of %d octets", octets)
		}
		if _, err := io.ReadFull(f.Conn, b[2:2+octets]); err != nil {
			return err
		}
		length, size = 0, 2+octets
		for _, o := range b[2:size] {
			length = length<<8 | int(o)
		}
	}
	if b[0] != 0x30 || length == 0 || uint64(length) > uint64(f.most) {
		return fmt.Errorf("a message of tag %#x and %d bytes, not a SEQUENCE of at most %d", b[0], length, f.most)
	}
	if !f.spend(size + length) {
		return fmt.Errorf("the answers have more than %d bytes", maxAnswer)
	}
	f.header, f.left = append(f.header[:0:0], b[:size]...), length
	return nil
}

// Write bounds each write, since the directory may have stopped reading.
func (f *framed) Write(p []byte) (int, error) {
	if err := f.SetWriteDeadline(time.Now().Add(f.timeout)); err != nil {
		return 0, err
	}
	return f.Conn.Write(p)
}
