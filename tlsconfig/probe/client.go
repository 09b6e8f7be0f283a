// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Client waits on l for connections of one client and reports what it does.
// Certificate is the good one that a server presents, Bad are those that the
// client must refuse, and Verifier judges the client's certificate. Over the good
// connection the client is asked for a second handshake, too. Each
// connection is one question, so the client has to call once, and once more for
// each of Bad, and if its hello does not say which versions before TLS 1.2 it takes: let
// it retry. A connection that sends no whole hello, such as a port
// scanner's or a health check's, and one from another address than the first that
// does, are none of the client's, ask nothing and hold nothing up; where more than 64 are
// open at once, the one that has been silent longest is closed. Client closes l; it returns
// when every question was asked, or with what was asked until then when ctx ends, which is
// an error only if no connection came at all.
func (p *Prober) Client(ctx context.Context, l net.Listener) (*Report, error) {
	timeout := p.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	in := accept(l, timeout)
	defer in.close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	c := &callers{Prober: p, timeout: timeout, report: &Report{Address: l.Addr().String(), Role: "client", At: time.Now().UTC()}}
	cases := []presented{{subject: subjectGood}}
	if p.Certificate != nil {
		cases[0].cert = *p.Certificate
		for _, bad := range p.Bad {
			cases = append(cases, presented{subject: "a server certificate " + bad.Why, cert: bad.Certificate, bad: true})
		}
	}
	for i, elsewhere := 0, 0; i < len(cases); {
		others := in.count() + elsewhere
		p.progress("connection %d of %d: %s (%d of others)", i+1, len(cases), cases[i].subject, others)
		conn, err := in.next()
		switch {
		case err == nil && c.answer(ctx, conn, &cases[i], i == 0):
			if i++; i == 1 && c.older && p.Certificate != nil {
				cases = append(cases, presented{subject: subjectOlder, cert: *p.Certificate, older: true})
			}
			continue
		case err == nil:
			elsewhere++
			continue
		}
		in.close() // so that those that were silent until now are counted
		others = in.count() + elsewhere
		switch {
		case i == 0 && others == 0:
			return nil, errors.Join(ctx.Err(), err)
		case i == 0:
			c.report.add(clauseProtocol, subjectVersions, Undecided, "", "none of %d connections sent a whole hello of TLS", others)
		}
		for _, left := range cases[i:] {
			clause, severity := clauseTLSMA, NotAsked
			if left.older { // that it takes none is not known
				clause, severity = clauseProtocol, Undecided
			}
			c.report.add(clause, left.subject, severity, "let the client call again", "the client did not call a further time")
		}
		break
	}
	c.report.arrange()
	return c.report, nil
}

// answer makes the server's half of a handshake and waits for a first octet: a
// client that finds a certificate bad only once the handshake is over has sent
// nothing by then. It returns false, and reports nothing, if the connection is none
// of the client's.
func (c *callers) answer(ctx context.Context, conn net.Conn, p *presented, first bool) bool {
	defer conn.Close()
	from, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		from = conn.RemoteAddr().String() // of a network without ports
	}
	if !first && from != c.from {
		return false
	}
	conn.SetDeadline(time.Now().Add(c.timeout))
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if p.older {
		c.takesOlder(ctx, conn, &p.cert)
		return true
	}
	var hello *tls.ClientHelloInfo
	s := &served{conn: conn}
	server := tls.Server(tapped{conn, s}, &tls.Config{
		KeyLogWriter: &s.keys,
		MinVersion:   tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: nativeIDs(),
		ClientAuth: tls.RequestClientCert, VerifyConnection: wantCertificate, SessionTicketsDisabled: true,
		GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
			hello = info
			return nil, nil
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if len(p.cert.Certificate) == 0 {
				return nil, errors.New("no server certificate was given")
			}
			return &p.cert, nil
		},
	})
	err = server.HandshakeContext(ctx)
	if first {
		c.from = from
		c.hello(hello)
	}
	switch {
	case len(p.cert.Certificate) == 0:
		c.report.add(clauseTLSMA, p.subject, NotAsked, "", "no server certificate was given")
		return true
	case err == nil:
		_, err = server.Read(make([]byte, 1))
	}
	sent := err == nil
	switch {
	case p.bad && sent:
		c.report.add(clauseTLSMA, p.subject, Departure, "verify chain, expiry, FQDN and revocation of every server certificate", "accepted: the client sends its request")
	case p.bad && isRemote(err):
		c.report.add(clauseTLSMA, p.subject, Conformant, "", "refused: %v", err)
	case p.bad: // such as a client that waits for the server to speak
		c.report.add(clauseTLSMA, p.subject, Undecided, "", "%v, which does not tell whether it was refused", err)
	case sent:
		c.report.add(clauseTLSMA, p.subject, Conformant, "", "the handshake succeeds and the client sends its request")
		c.certificate(ctx, server.ConnectionState().PeerCertificates)
		c.renegotiation(ctx, s, server.ConnectionState().CipherSuite)
	case errors.Is(err, errNoCertificate):
		c.report.add(clauseTLSMA, "the client's certificate", Departure, "present the certificate of the Spine's", "none is presented")
	default:
		c.report.add(clauseTLSMA, p.subject, Undecided, "", "%v; what it does with bad certificates may have the same reason", err)
	}
	return true
}

var errNoCertificate = errors.New("the client presents no certificate")

// wantCertificate ends the handshake where tls.RequireAnyClientCert would, with an error
// that can be told from others.
func wantCertificate(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return errNoCertificate
	}
	return nil
}

// hello compares what the client offers with the guidance.
func (c *callers) hello(info *tls.ClientHelloInfo) {
	if info == nil {
		c.report.add(clauseProtocol, subjectVersions, Undecided, "", "what the client sent is no hello that crypto/tls reads")
		return
	}
	c.versions(info)
	var ours, others []string
	var order []int
	for _, id := range info.CipherSuites {
		switch i := slices.Index(tlsconfig.Suites(), tlsconfig.Suite(id)); {
		case isSignal(id):
		case i >= 0:
			ours, order = append(ours, suiteName(id)), append(order, i)
		default:
			others = append(others, suiteName(id))
		}
	}
	if len(others) > 0 {
		c.report.add(clauseCiphers, "suites outside the list", Departure, "offer the eight suites of the guidance and no other", "offered: %s", strings.Join(others, ", "))
	} else {
		c.report.add(clauseCiphers, "suites outside the list", Conformant, "", "none is offered")
	}
	switch {
	case len(ours) == 0:
		c.report.add(clauseCiphers, "a suite of the list", Departure, "offer at least ECDHE-RSA-AES256-GCM-SHA384", "none of the eight is offered")
	case !slices.IsSorted(order):
		c.report.add(clauseCiphers, "order of preference", Advice, "offer them in the guidance's order if the TLS library lets you; the server decides", "offered: %s", strings.Join(ours, ", "))
	default:
		c.report.add(clauseCiphers, "order of preference", Conformant, "", "offered: %s", strings.Join(ours, ", "))
	}
	if slices.Contains(info.SupportedProtos, "h2") && slices.ContainsFunc(ours, func(s string) bool { return !strings.Contains(s, "GCM") }) {
		c.report.add(clauseCiphers, "HTTP/2", Advice, "offer HTTP/1.1 only", "offered beside CBC suites, which HTTP/2 forbids")
	}
	if info.ServerName == "" {
		c.report.add(clauseTLSMA, "server name", Advice, "send the server's name (RFC 6066)", "none is sent")
	} else {
		c.report.add(clauseTLSMA, "server name", Conformant, "", "%s", info.ServerName)
	}
}

// certificate judges the client's certificate.
func (c *callers) certificate(ctx context.Context, chain []*x509.Certificate) {
	const subject = "the client's certificate"
	if c.Verifier == nil {
		c.report.add(clauseTLSMA, subject, NotAsked, "", "no pins were given: %s, issued by %s, until %s",
			chain[0].Subject, chain[0].Issuer, chain[0].NotAfter.UTC().Format("2006-01-02"))
		return
	}
	verifier := *c.Verifier
	verifier.AllowAnyFQDN = len(verifier.FQDNs) == 0
	judge(ctx, c.report, &verifier, "client", tlsconfig.Presented{Certificates: chain, Usage: x509.ExtKeyUsageClientAuth})
}

// renegotiation asks the client, with a HelloRequest, for a second handshake within
// the first (RFC 5246 section 7.4.1.1). The guidance does not mention it.
func (c *callers) renegotiation(ctx context.Context, s *served, suite uint16) {
	const subject = "renegotiation begun by a server"
	if gcmParameters[suite].hash == nil {
		c.report.add(clauseProtocol, subject, NotAsked, "", "it is asked with ECDHE and GCM, which the client does not offer")
		return
	}
	begins, err := s.requestHello(suite)
	switch {
	case begins:
		c.report.add(clauseProtocol, subject, Advice, "refuse it: a server may present another certificate in it than the one that was verified",
			"the client begins another handshake")
	case ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded):
		c.report.add(clauseProtocol, subject, Conformant, "", "the client does not answer a HelloRequest")
	case refused(err):
		c.report.add(clauseProtocol, subject, Conformant, "", "refused: %v", err)
	default:
		c.report.add(clauseProtocol, subject, Undecided, "", "%v", err)
	}
}
