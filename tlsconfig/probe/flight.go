// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"

	"golang.org/x/crypto/cryptobyte"
)

// maxFlight bounds what is read of a server's first flight: its certificates and
// the names of its CAs.
const maxFlight = 1 << 20

// maxRecord is the longest that an encrypted record may be (RFC 5246 section 6.2.3).
const maxRecord = 1<<14 + 2048

// A flight is what a server answers to a hello before anything is encrypted.
type flight struct {
	version     uint16
	random      []byte
	suite       uint16
	compression uint8
	protocol    string // of ALPN
	secureReneg bool
	session     []byte // its identifier; empty: the server keeps none
	resumed     bool   // the flight ends with ChangeCipherSpec: an old session goes on

	certificates [][]byte
	keyExchange  []byte // ServerKeyExchange; nil: none came
	requested    bool   // a client certificate
	authorities  [][]byte
}

// An alert is one by which a server refuses a hello.
type alert uint8

// noRenegotiation is the alert that refuses a second handshake, as a warning (RFC
// 5246 section 7.2.2).
const noRenegotiation = 100

// protocolVersion is the alert that refuses a version (RFC 5246 section 7.2.2).
const protocolVersion = 70

func (a alert) Error() string { return "alert " + tls.AlertError(a).Error() }

// errClosed is a connection that the peer closed instead of answering, and errCut one
// that ended in the middle of a record.
var (
	errClosed = errors.New("the peer closed the connection")
	errCut    = errors.New("the peer closed the connection in the middle of a record")
)

// An unfinished flight is one that ends after the ServerHello, be it with an alert. It is
// no refusal of the hello, so the error does not unwrap to one.
type unfinished struct {
	flight *flight
	why    error
}

func (u *unfinished) Error() string {
	return fmt.Sprintf("the server chose %s and suite %s, and then: %v", tls.VersionName(u.flight.version), suiteName(u.flight.suite), u.why)
}

// isReset reports whether the peer reset the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// helloRetry is the random of a ServerHello that asks for another key share
// (RFC 8446 section 4.1.3).
var helloRetry = []byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// readFlight reads a server's answer to a hello, up to ServerHelloDone, or the
// ServerHello alone where TLS 1.3 encrypts what follows. The error is an
// *unfinished if the flight ends after the ServerHello.
func readFlight(r io.Reader) (*flight, error) {
	f := new(flight)
	limited := &io.LimitedReader{R: r, N: maxFlight}
	err := f.read(bufio.NewReader(limited))
	switch {
	case err == nil:
		return f, nil
	case limited.N == 0:
		return nil, fmt.Errorf("the server's first flight is of more than %d octets", maxFlight)
	case f.version != 0:
		return nil, &unfinished{f, err}
	}
	return nil, err
}

func (f *flight) read(in io.Reader) error {
	var pending []byte
	for {
		var header [5]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return closedOr(err)
		}
		length := int(binary.BigEndian.Uint16(header[3:]))
		if header[1] != 3 || length == 0 || length > maxRecord {
			return fmt.Errorf("the server does not speak TLS: its answer begins with %x", header)
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err == io.EOF {
			return errCut
		} else if err != nil {
			return closedOr(err)
		}
		switch header[0] {
		case recordAlert:
			if length != 2 {
				return errors.New("the server sent a malformed alert")
			}
			if body[0] == 2 || body[1] == 0 { // fatal, or close_notify
				return alert(body[1])
			}
		case recordHandshake:
			pending = append(pending, body...)
			done, rest, err := f.messages(pending)
			if done || err != nil {
				return err
			}
			pending = rest
		case recordChangeCipherSpec:
			if f.version == 0 {
				return errors.New("the server sent ChangeCipherSpec before its hello")
			}
			f.resumed = true
			return nil
		default:
			return fmt.Errorf("the server sent a record of type %d in its first flight", header[0])
		}
	}
}

func closedOr(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errClosed
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
	}
	return err
}

// messages reads the handshake messages that are complete.
func (f *flight) messages(in []byte) (done bool, rest []byte, err error) {
	for {
		s := cryptobyte.String(in)
		var kind uint8
		var body cryptobyte.String
		if !s.ReadUint8(&kind) || !s.ReadUint24LengthPrefixed(&body) {
			return false, in, nil
		}
		in = s
		ok := true
		switch kind {
		case typeServerHello:
			ok = f.serverHello(body)
			if ok && f.version == tls.VersionTLS13 {
				return true, nil, nil
			}
		case typeCertificate:
			var list cryptobyte.String
			ok = body.ReadUint24LengthPrefixed(&list) && body.Empty()
			for ok && !list.Empty() {
				var cert cryptobyte.String
				ok = list.ReadUint24LengthPrefixed(&cert)
				f.certificates = append(f.certificates, bytes.Clone(cert))
			}
		case typeServerKeyExchange:
			f.keyExchange = bytes.Clone(body)
		case typeCertificateReq:
			f.requested = true
			ok = f.certificateRequest(body)
		case typeServerHelloDone:
			return true, nil, nil
		}
		if !ok {
			return false, nil, fmt.Errorf("the server sent a malformed handshake message of type %d", kind)
		}
	}
}

func (f *flight) serverHello(body cryptobyte.String) bool {
	var random, session, extensions cryptobyte.String
	if !body.ReadUint16(&f.version) || !body.ReadBytes((*[]byte)(&random), 32) || !body.ReadUint8LengthPrefixed(&session) ||
		!body.ReadUint16(&f.suite) || !body.ReadUint8(&f.compression) {
		return false
	}
	f.random, f.session = bytes.Clone(random), bytes.Clone(session)
	if body.Empty() {
		return true
	}
	if !body.ReadUint16LengthPrefixed(&extensions) || !body.Empty() {
		return false
	}
	for !extensions.Empty() {
		var id uint16
		var content cryptobyte.String
		if !extensions.ReadUint16(&id) || !extensions.ReadUint16LengthPrefixed(&content) {
			return false
		}
		switch id {
		case extSupportedVersions:
			if !content.ReadUint16(&f.version) {
				return false
			}
		case extRenegotiationInfo:
			f.secureReneg = true
		case extALPN:
			var list, protocol cryptobyte.String
			if !content.ReadUint16LengthPrefixed(&list) || !list.ReadUint8LengthPrefixed(&protocol) {
				return false
			}
			f.protocol = string(protocol)
		}
	}
	if bytes.Equal(random, helloRetry) {
		f.version = tls.VersionTLS13
	}
	return true
}

func (f *flight) certificateRequest(body cryptobyte.String) bool {
	var types, authorities cryptobyte.String
	if !body.ReadUint8LengthPrefixed(&types) {
		return false
	}
	if f.version >= tls.VersionTLS12 {
		var signatures cryptobyte.String
		if !body.ReadUint16LengthPrefixed(&signatures) {
			return false
		}
	}
	if !body.ReadUint16LengthPrefixed(&authorities) || !body.Empty() {
		return false
	}
	for !authorities.Empty() {
		var name cryptobyte.String
		if !authorities.ReadUint16LengthPrefixed(&name) {
			return false
		}
		f.authorities = append(f.authorities, bytes.Clone(name))
	}
	return true
}

// chain parses the certificates.
func (f *flight) chain() ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for i, der := range f.certificates {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return chain, fmt.Errorf("certificate %d of the server's chain: %w", i, err)
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// dhBits returns the size of the prime of a DHE key exchange, 0 if it is none.
func (f *flight) dhBits() int {
	s := cryptobyte.String(f.keyExchange)
	var prime cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&prime) {
		return 0
	}
	for len(prime) > 0 && prime[0] == 0 {
		prime = prime[1:]
	}
	if len(prime) == 0 {
		return 0
	}
	bits := len(prime) * 8
	for top := prime[0]; top&0x80 == 0; top <<= 1 {
		bits--
	}
	return bits
}
