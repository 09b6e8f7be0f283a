// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Prober asks a server, by handshakes, what it really does. Probe only
// servers that you answer for: it makes some sixty connections, one after
// another, and sends bad certificates on some. The zero value asks what needs no
// certificate. A Prober is safe for concurrent use; its fields must not change
// once it is used.
type Prober struct {
	// ServerName is the FQDN that is sent in the hello and expected in the
	// server's certificate; empty: the host of the address.
	ServerName string

	// Certificate is a good client certificate; without it, what a server does
	// with clients is asked only as far as it refuses them. It needs a private
	// key and should come with its SubCA.
	Certificate *tls.Certificate

	// Bad are certificates that the server must refuse, each with the reason.
	// SelfSigned makes one; spinetest can make others if the server trusts its
	// PKI.
	Bad []BadCertificate

	// Verifier judges the server's certificate: its Pins, and FQDNs unless
	// ServerName says it all. Nil: the chain is not asked about. With an
	// InsecureSkipRevocation the revocation is reported as not asked.
	Verifier *tlsconfig.Verifier

	// Dial opens a connection; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Timeout bounds each connection; zero: 5 s.
	Timeout time.Duration

	// Progress is told of each question before it is asked; nil: not told.
	Progress func(subject string)
}

// A BadCertificate is a client's that must be refused, and why.
type BadCertificate struct {
	Why         string
	Certificate tls.Certificate
}

const defaultTimeout = 5 * time.Second

// Server asks the server at address, host and port, and reports what it found.
// The error is nil unless ctx has ended or no connection could be made at all;
// what single questions met with is in the findings.
func (p *Prober) Server(ctx context.Context, address string) (*Report, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	q := &questions{Prober: p, address: address, name: p.ServerName, report: &Report{Address: address, Role: "server", At: time.Now().UTC()}}
	if q.name == "" {
		q.name = host
	}
	conn, err := q.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn.Close()
	for _, ask := range []func(context.Context){
		q.versions, q.suites, q.foreignSuites, q.order, q.parameters, q.protocols, q.certificateRequest, q.chain, q.clients, q.resumption, q.renegotiation,
	} {
		ask(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	q.report.arrange()
	return q.report, nil
}

// Offer sends the server at address one ClientHello, of the highest of versions
// (with supported_versions if TLS 1.3 is among them) and with the suites in their
// order, and returns what the server
// chose: zeros if it refuses. The error is a connection that could not be made, or
// an answer that is no TLS.
func (p *Prober) Offer(ctx context.Context, address string, versions, suites []uint16) (version, suite uint16, err error) {
	if len(versions) == 0 {
		return 0, 0, errors.New("no version is offered")
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return 0, 0, err
	}
	q := &questions{Prober: p, address: address, name: p.ServerName}
	if q.name == "" {
		q.name = host
	}
	h := hello{version: slices.Max(versions), suites: suites}
	if h.version >= tls.VersionTLS13 {
		h.supported = versions
	}
	f, err := q.ask(ctx, h)
	if err != nil && refused(err) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	return f.version, f.suite, nil
}

// questions are those to one server.
type questions struct {
	*Prober
	address, name string
	report        *Report

	taken []tlsconfig.Suite // of the guidance, in its order
	seen  *flight           // a flight of TLS 1.2
}

func (q *questions) dial(ctx context.Context) (net.Conn, error) {
	timeout := q.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dial := q.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(limited, "tcp", q.address)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(timeout)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ask sends a hello and reads the answer.
func (q *questions) ask(ctx context.Context, h hello) (*flight, error) {
	h.serverName = q.name
	f, err := q.send(ctx, h.record())
	if err == nil && f.resumed && h.session == nil {
		return nil, errors.New("the server goes on with a session that was not offered")
	}
	return f, err
}

func (q *questions) send(ctx context.Context, record []byte) (*flight, error) {
	conn, err := q.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write(record); err != nil {
		return nil, err
	}
	return readFlight(conn)
}

// refused reports whether an error is the server's refusal of a hello, and not a
// trouble with the connection. A reset is what some servers answer instead of an
// alert.
func refused(err error) bool {
	_, isAlert := errors.AsType[alert](err)
	return isAlert || errors.Is(err, errClosed) || isReset(err)
}

func suiteIDs(suites []tlsconfig.Suite) []uint16 {
	ids := make([]uint16, len(suites))
	for i, s := range suites {
		ids[i] = uint16(s)
	}
	return ids
}

const remedyVersion = "allow TLS 1.2 and no other version"

// versions asks for each version alone.
func (q *questions) versions(ctx context.Context) {
	q.progress("SSLv2")
	switch err := q.askSSLv2(ctx); {
	case err == nil:
		q.report.add(clauseProtocol, "SSLv2", Departure, remedyVersion, "the server answers a hello of SSL version 2")
	case refused(err) || errors.Is(err, errNotSSLv2):
		q.report.add(clauseProtocol, "SSLv2", Conformant, "", "refused: %v", err)
	default:
		q.report.add(clauseProtocol, "SSLv2", Undecided, "", "%v", err)
	}
	for _, v := range []struct {
		name    string
		version uint16
		want    bool
	}{
		{"SSLv3", versionSSL30, false}, {"TLS 1.0", tls.VersionTLS10, false}, {"TLS 1.1", tls.VersionTLS11, false},
		{"TLS 1.2", tls.VersionTLS12, true}, {"TLS 1.3", tls.VersionTLS13, false},
	} {
		q.progress("%s", v.name)
		h := hello{version: v.version, suites: append(suiteIDs(tlsconfig.Suites()), commonSuites...)}
		if v.version == tls.VersionTLS13 {
			h.supported, h.suites = []uint16{tls.VersionTLS13}, []uint16{tls.TLS_AES_256_GCM_SHA384, tls.TLS_AES_128_GCM_SHA256, tls.TLS_CHACHA20_POLY1305_SHA256}
		}
		f, err := q.ask(ctx, h)
		switch {
		case err == nil && f.version == v.version && v.want:
			q.seen = f
			q.report.add(clauseProtocol, v.name, Conformant, "", "negotiated")
		case err == nil && f.version == v.version:
			q.report.add(clauseProtocol, v.name, Departure, remedyVersion, "negotiated, with suite %s", suiteName(f.suite))
		case err == nil && v.want:
			q.report.add(clauseProtocol, v.name, Departure, remedyVersion, "the server answers with %s", tls.VersionName(f.version))
		case err == nil: // another version than was offered: no client would go on
			q.report.add(clauseProtocol, v.name, Conformant, "", "not negotiated: the server answers with %s", tls.VersionName(f.version))
		case refused(err) && v.want:
			q.report.add(clauseProtocol, v.name, Departure, remedyVersion, "refused: %v", err)
		case refused(err):
			q.report.add(clauseProtocol, v.name, Conformant, "", "refused: %v", err)
		default:
			q.report.add(clauseProtocol, v.name, Undecided, "", "%v", err)
		}
	}
}

// suites asks for each suite of the guidance alone.
func (q *questions) suites(ctx context.Context) {
	for _, suite := range tlsconfig.Suites() {
		q.progress("%v", suite)
		f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: []uint16{uint16(suite)}})
		switch {
		case err == nil && f.version == tls.VersionTLS12 && f.suite == uint16(suite):
			q.taken = append(q.taken, suite)
			q.report.add(clauseCiphers, suite.String(), Conformant, "", "negotiated")
		case err == nil:
			q.report.add(clauseCiphers, suite.String(), Undecided, "", "the server answers with %s and suite %s, which were not offered",
				tls.VersionName(f.version), suiteName(f.suite))
		case refused(err):
			q.report.add(clauseCiphers, suite.String(), Advice, "offer it, unless the engine does not have it", "refused: %v", err)
		default:
			q.report.add(clauseCiphers, suite.String(), Undecided, "", "%v", err)
		}
	}
	if len(q.taken) == 0 && !q.undecided(clauseCiphers) {
		q.report.add(clauseCiphers, "a suite of the list", Departure, "offer at least ECDHE-RSA-AES256-GCM-SHA384", "none of the eight can be negotiated")
	}
}

func (q *questions) undecided(clause string) bool {
	return slices.ContainsFunc(q.report.Findings, func(f Finding) bool { return f.Clause == clause && f.Severity == Undecided })
}

// foreignSuites offers everything but the guidance's, and leaves out what was
// chosen until nothing is.
func (q *questions) foreignSuites(ctx context.Context) {
	const subject = "suites outside the list"
	q.progress(subject)
	offer := slices.Clone(foreign)
	var found []string
	for len(offer) > 0 {
		f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: offer})
		if refused(err) {
			break
		}
		if err != nil {
			q.report.add(clauseCiphers, subject, Undecided, "", "%v", err)
			break
		}
		i := slices.Index(offer, f.suite)
		if i < 0 {
			if f.version == tls.VersionTLS12 {
				q.report.add(clauseCiphers, subject, Departure, "offer the eight suites of the guidance and no other",
					"the server chooses suite %s, which was not offered", suiteName(f.suite))
			}
			break
		}
		found = append(found, suiteName(f.suite))
		offer = slices.Delete(offer, i, i+1)
	}
	switch {
	case len(found) > 0:
		q.report.add(clauseCiphers, subject, Departure, "offer the eight suites of the guidance and no other", "negotiated: %s", strings.Join(found, ", "))
	case !slices.ContainsFunc(q.report.Findings, func(f Finding) bool { return f.Subject == subject }):
		q.report.add(clauseCiphers, subject, Conformant, "", "none of %d that were offered is negotiated", len(foreign))
	}
}

// order offers the suites that the server takes from both ends, and leaves out
// what was chosen.
func (q *questions) order(ctx context.Context) {
	const subject = "order of preference"
	q.progress(subject)
	if len(q.taken) < 2 {
		q.report.add(clauseCiphers, subject, NotAsked, "", "the server takes %d of the suites", len(q.taken))
		return
	}
	remaining := slices.Clone(q.taken)
	for len(remaining) > 1 {
		reversed := suiteIDs(remaining)
		slices.Reverse(reversed)
		for _, offer := range [][]uint16{reversed, suiteIDs(remaining)} {
			f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: offer})
			if err != nil {
				q.report.add(clauseCiphers, subject, Undecided, "", "%v", err)
				return
			}
			if f.suite != uint16(remaining[0]) {
				q.report.add(clauseCiphers, subject, Departure, "let the server choose, in the order of the guidance",
					"%s is chosen where %v could be", suiteName(f.suite), remaining[0])
				return
			}
		}
		remaining = remaining[1:]
	}
	q.report.add(clauseCiphers, subject, Conformant, "", "the server chooses by the guidance's order, whatever the client's")
}
