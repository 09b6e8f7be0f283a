// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// certificateRequest looks at whether a client certificate is asked for, and of
// which CAs.
func (q *questions) certificateRequest(ctx context.Context) {
	const subject = "request of a client certificate"
	if !q.handshaken(subject) {
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

// handshaken reports whether a handshake of TLS 1.2 was seen to its end, and says in the
// report if none was.
func (q *questions) handshaken(subject string) bool {
	q.progress("%s", subject)
	if q.seen == nil {
		q.report.add(clauseTLSMA, subject, Undecided, "", "no handshake of TLS 1.2 got that far")
	}
	return q.seen != nil
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
	if !q.handshaken(subject) {
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

// judge judges the certificate of a peer, "server" or "client", by the verifier.
func judge(ctx context.Context, report *Report, verifier *tlsconfig.Verifier, role string, p tlsconfig.Presented) {
	subject, revoked := "the "+role+"'s certificate", "the "+role+"'s revocation"
	leaf, skip := p.Certificates[0], false
	switch verifier.Revocation.(type) {
	case tlsconfig.InsecureSkipRevocation, *tlsconfig.InsecureSkipRevocation:
		skip = true
		report.add(clauseTLSMA, revoked, NotAsked, "", "no CRL or responder was given to ask")
	}
	_, err := verifier.Verify(ctx, p)
	refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
	until := leaf.NotAfter.UTC().Format("2006-01-02")
	switch {
	case err == nil && skip:
		report.add(clauseTLSMA, subject, Conformant, "", "%s, issued by a pinned SubCA, until %s", leaf.Subject, until)
	case err == nil:
		report.add(clauseTLSMA, subject, Conformant, "", "%s, issued by a pinned SubCA, not revoked, until %s", leaf.Subject, until)
	case ok && refusal.Rule == tlsconfig.RuleRevocation && !isRevoked(err):
		report.add(clauseTLSMA, revoked, Undecided, "", "%v", err)
	default:
		report.add(clauseTLSMA, subject, Departure, "install a certificate of the Spine's authentication SubCA for this FQDN", "%v", err)
	}
}

// isRevoked tells a certificate that is revoked from one of which no source could
// tell.
func isRevoked(err error) bool {
	_, ok := errors.AsType[*revocation.RevokedError](err)
	return ok
}
