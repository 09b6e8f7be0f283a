// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// isReset reports whether the peer reset the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

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
	q.report.add(clauseCiphers, subject, Conformant, "", "negotiated with GCM suites only")
}

// certificateRequest looks at whether a client certificate is asked for, and of
// which CAs.
func (q *questions) certificateRequest(ctx context.Context) {
	const subject = "request of a client certificate"
	q.progress(subject)
	if q.seen == nil {
		q.report.add(clauseTLSMA, subject, Undecided, "", "no handshake of TLS 1.2 got that far")
		return
	}
	if !q.seen.requested {
		q.report.add(clauseTLSMA, subject, Departure, "require a client certificate (mutual TLS)", "none is asked for in the handshake")
		return
	}
	var names []string
	for _, der := range q.seen.authorities {
		names = append(names, distinguishedName(der))
	}
	if len(names) == 0 {
		q.report.add(clauseTLSMA, subject, Conformant, "", "asked for, without naming CAs")
		return
	}
	const named = "CAs named to clients"
	q.report.add(clauseTLSMA, subject, Conformant, "", "asked for")
	var others []string
	if q.Verifier != nil {
		for i, der := range q.seen.authorities {
			if !slices.ContainsFunc(q.Verifier.Pins.SubCAs(), func(subCA *x509.Certificate) bool { return bytes.Equal(subCA.RawSubject, der) }) {
				others = append(others, names[i])
			}
		}
	}
	if len(others) > 0 {
		q.report.add(clauseTLSMA, named, Advice, "name the authentication SubCA alone", "also %s", strings.Join(others, "; "))
		return
	}
	q.report.add(clauseTLSMA, named, Conformant, "", "%s", strings.Join(names, "; "))
}

// distinguishedName writes a DER name for a reader.
func distinguishedName(der []byte) string {
	var sequence pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &sequence); err != nil || len(rest) > 0 {
		return fmt.Sprintf("a name that cannot be read (%d octets)", len(der))
	}
	var name pkix.Name
	name.FillFromRDNSequence(&sequence)
	return name.String()
}

// chain judges the server's own certificate.
func (q *questions) chain(ctx context.Context) {
	const subject = "the server's certificate"
	q.progress(subject)
	if q.seen == nil {
		q.report.add(clauseTLSMA, subject, Undecided, "", "no handshake of TLS 1.2 got that far")
		return
	}
	chain, err := q.seen.chain()
	if err != nil || len(chain) == 0 {
		q.report.add(clauseTLSMA, subject, Departure, "present a certificate that can be read", "%v", errors.Join(err, errNone(len(chain))))
		return
	}
	leaf := chain[0]
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); !ok {
		q.report.add(clauseCiphers, "the server's key", Departure, "use an RSA key of 2048 bits or more", "%v", leaf.PublicKeyAlgorithm)
	} else if key.N.BitLen() < 2048 {
		q.report.add(clauseCiphers, "the server's key", Departure, "use an RSA key of 2048 bits or more", "RSA, %d bits", key.N.BitLen())
	} else {
		q.report.add(clauseCiphers, "the server's key", Conformant, "", "RSA, %d bits", key.N.BitLen())
	}
	if len(chain) == 1 && !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		// RFC 5246 section 7.4.2: only the root may be left out.
		q.report.add(clauseTLSMA, "the server's chain", Departure, "send the SubCA after the server's certificate",
			"the certificate comes alone, without %s: clients that know the root alone refuse it", leaf.Issuer)
	}
	if len(chain) > 1 && !bytes.Equal(leaf.RawIssuer, chain[1].RawSubject) {
		q.report.add(clauseTLSMA, "order of the chain", Departure, "send the leaf, then the SubCA that issued it", "the second certificate is %s, the leaf's issuer is %s", chain[1].Subject, leaf.Issuer)
	}
	if q.Verifier == nil {
		q.report.add(clauseTLSMA, subject, NotAsked, "", "no pins were given: %s, issued by %s, until %s",
			leaf.Subject, leaf.Issuer, leaf.NotAfter.UTC().Format("2006-01-02"))
		return
	}
	judge(ctx, q.report, q.Verifier, "server", tlsconfig.Presented{Certificates: chain, Usage: x509.ExtKeyUsageServerAuth, ServerName: q.name})
}

func errNone(n int) error {
	if n == 0 {
		return errors.New("the server presents no certificate")
	}
	return nil
}
