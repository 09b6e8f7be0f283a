// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// errNotSSLv2 is an answer that is no SERVER-HELLO of SSL version 2.
var errNotSSLv2 = errors.New("the answer is not one of SSL version 2")

// askSSLv2 returns nil if the server answers an SSLv2 hello in kind.
func (q *questions) askSSLv2(ctx context.Context) error {
	conn, err := q.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write(sslv2()); err != nil {
		return err
	}
	var answer [3]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return closedOr(err)
	}
	if answer[0]&0x80 == 0 || answer[2] != 4 { // SERVER-HELLO
		return errNotSSLv2
	}
	return nil
}

// parameters asks about what a suite leaves open: groups, the signature's hash,
// compression.
func (q *questions) parameters(ctx context.Context) {
	dhe := slices.DeleteFunc(slices.Clone(q.taken), func(s tlsconfig.Suite) bool { return !strings.HasPrefix(s.String(), "DHE-") })
	if len(dhe) > 0 {
		const subject = "Diffie-Hellman group"
		q.progress(subject)
		const remedy = "use a group of 2048 bits or more"
		f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: suiteIDs(dhe)})
		switch bits := 0; {
		case err != nil:
			q.report.add(clauseCiphers, subject, Undecided, "", "%v", err)
		default:
			if bits = f.dhBits(); bits >= 2048 {
				q.report.add(clauseCiphers, subject, Conformant, "", "%d bits", bits)
			} else {
				q.report.add(clauseCiphers, subject, Departure, remedy, "%d bits", bits)
			}
		}
	}
	if len(q.taken) == 0 {
		return
	}
	const hash = "signature of the key exchange with SHA-1"
	q.progress(hash)
	sha1 := []uint16{uint16(tls.PKCS1WithSHA1)}
	f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: suiteIDs(q.taken), signatures: sha1})
	if u, ok := errors.AsType[*unfinished](err); ok && u.flight.keyExchange == nil && refused(u.why) {
		err = u.why // that no signature can be made, some servers notice late
	}
	switch {
	case err == nil && f.keyExchange != nil:
		q.report.add(clauseCiphers, hash, Advice, "sign with SHA-256 or better", "the server signs with SHA-1 for a client that knows nothing else")
	case err == nil || refused(err):
		q.report.add(clauseCiphers, hash, Conformant, "", "refused")
	default:
		q.report.add(clauseCiphers, hash, Undecided, "", "%v", err)
	}
	const compression = "compression"
	q.progress(compression)
	f, err = q.ask(ctx, hello{version: tls.VersionTLS12, suites: suiteIDs(q.taken), compression: []byte{1, 0}})
	switch {
	case err == nil && f.compression != 0:
		q.report.add(clauseProtocol, compression, Departure, "switch compression off (CRIME)", "negotiated")
	case err == nil || refused(err):
		q.report.add(clauseProtocol, compression, Conformant, "", "not negotiated")
	default:
		q.report.add(clauseProtocol, compression, Undecided, "", "%v", err)
	}
}

// protocols asks for HTTP/2, which forbids the CBC suites (RFC 9113 section
// 9.2.2).
func (q *questions) protocols(ctx context.Context) {
	if len(q.taken) == 0 {
		return
	}
	const subject = "HTTP/2"
	q.progress(subject)
	f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: suiteIDs(q.taken), protocols: []string{"h2", "http/1.1"}})
	if err != nil {
		q.report.add(clauseCiphers, subject, Undecided, "", "%v", err)
		return
	}
	if f.protocol != "h2" {
		q.report.add(clauseCiphers, subject, Conformant, "", "not negotiated")
		return
	}
	cbc := slices.DeleteFunc(slices.Clone(q.taken), func(s tlsconfig.Suite) bool { return strings.Contains(s.String(), "GCM") })
	if len(cbc) == 0 {
		q.report.add(clauseCiphers, subject, Conformant, "", "negotiated, on a server with GCM suites only")
		return
	}
	f, err = q.ask(ctx, hello{version: tls.VersionTLS12, suites: suiteIDs(cbc), protocols: []string{"h2", "http/1.1"}})
	if err == nil && f.protocol == "h2" {
		q.report.add(clauseCiphers, subject, Departure, "negotiate HTTP/1.1 only, or HTTP/2 with the GCM suites only",
			"negotiated with %s, which HTTP/2 forbids: such clients fail", suiteName(f.suite))
		return
	}
	if err != nil && !refused(err) {
		q.report.add(clauseCiphers, subject, Undecided, "", "%v", err)
		return
	}
	q.report.add(clauseCiphers, subject, Conformant, "", "negotiated with GCM suites only")
}
