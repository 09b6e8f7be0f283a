// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net"
	"reflect"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// A Verifier decides whether a certificate is a Spine peer's. The zero value
// accepts no peer. A Verifier is safe for concurrent use; its fields must not
// change once it is used.
type Verifier struct {
	// Pins are the CAs that a peer must chain to; nil or zero: no peer is
	// accepted.
	Pins *Pins

	// FQDNs are the accepted names, compared whole and without case; one of
	// the leaf's must be among them. Empty: a server must bear the name that
	// was dialled, and a client is refused.
	FQDNs []string

	// AllowAnyFQDN lets a server accept a leaf whatever its name, as long as it
	// has one that is unambiguous; FQDNs must then be empty. It is for servers
	// that many systems call and that bind the certificate to the caller
	// themselves, with asid.Authorizer. A provider behind the Spine Secure Proxy
	// names the proxy in FQDNs instead. An Endpoint's Logger warns of it.
	AllowAnyFQDN bool

	// Revocation is asked last, for every handshake; nil: no peer is accepted.
	Revocation RevocationChecker

	// Time is the clock that validity is judged by; nil: time.Now. It must return at
	// once: nothing bounds how long it is waited for, and crypto/tls calls it, too.
	Time func() time.Time
}

// Presented is what a peer showed in a handshake.
type Presented struct {
	// Certificates are the peer's, leaf first, as x509.ParseCertificate
	// returned them. Only the leaf counts: the rest of the chain comes from
	// the pins, whether the peer sent it or not.
	Certificates []*x509.Certificate

	// Usage is what the peer uses its leaf for: x509.ExtKeyUsageServerAuth or
	// x509.ExtKeyUsageClientAuth. Anything else is refused.
	Usage x509.ExtKeyUsage

	// ServerName is the name that was dialled, of which the server was told;
	// empty on the server's side.
	ServerName string

	// OCSPResponse is the response stapled to the handshake; nil: none.
	OCSPResponse []byte

	// Remote is the peer's address, for the record of a refusal; nil: not known.
	Remote net.Addr
}

// Verify judges what a peer presented, in the order of the rules: chain,
// validity, key, usage, FQDN and, after all that needs no network, revocation.
// It returns the leaf, its SubCA and its root in a fresh slice, or *PeerError.
//
// Where several pinned SubCAs share a name and a key, or several roots do, each
// path that is valid now is asked about, in the pins' order, until Revocation
// accepts one.
func (v *Verifier) Verify(ctx context.Context, p Presented) ([]*x509.Certificate, error) {
	if len(p.Certificates) == 0 {
		return nil, &PeerError{Rule: RuleNoCertificate, Detail: "the peer presented no certificate"}
	}
	leaf := p.Certificates[0]
	if leaf == nil || len(leaf.Raw) == 0 {
		return nil, &PeerError{Rule: RuleNoCertificate, Detail: "what the peer presented is not a parsed certificate"}
	}
	pins := v.Pins.snapshot()
	if pins == nil {
		return nil, &PeerError{Rule: RuleSubCA, Cert: leaf, Detail: "no SubCA is pinned"}
	}
	now := v.now()
	found, err := pins.judged(leaf, p.Usage, now)
	if err != nil {
		return nil, err
	}
	return v.settle(ctx, found, nil, leaf, p, now)
}

// verifyAgain is Verify for the requests that follow on a client's handshake: it
// finds the verdict by the parsed certificate itself, without a hash over its
// octets, and allocates nothing once it has found it.
func (v *Verifier) verifyAgain(ctx context.Context, leaf *x509.Certificate) error {
	p := Presented{Usage: x509.ExtKeyUsageClientAuth}
	pins := v.Pins.snapshot()
	if pins == nil {
		return &PeerError{Rule: RuleSubCA, Cert: leaf, Detail: "no SubCA is pinned"}
	}
	now := v.now()
	key := warmKey{leaf, p.Usage}
	found := pins.warm.get(&key)
	if found == nil || checkValidity(leaf, now) != nil || found.valid(now) == nil {
		judged, err := pins.judged(leaf, p.Usage, now)
		if err != nil {
			return err
		}
		found = &warmVerdict{verdict: judged}
		for _, path := range judged.paths {
			found.chains = append(found.chains, path.chain(leaf))
		}
		if _, err := v.settle(ctx, found.verdict, found.chains, leaf, p, now); err != nil {
			return err // not cached: a client that is refused must not push out those that are not
		}
		pins.warm.keep(&key, found)
		return nil
	}
	_, err := v.settle(ctx, found.verdict, found.chains, leaf, p, now)
	return err
}

// settle applies the rules that a verdict does not cover: the comparison of the
// names and revocation. Of several paths that are valid now it asks about each
// until one is answered good, but a leaf that is revoked is revoked on all.
// chains has the chain of each path; nil: they are made here.
func (v *Verifier) settle(ctx context.Context, found *verdict, chains [][]*x509.Certificate, leaf *x509.Certificate, p Presented, now time.Time) ([]*x509.Certificate, error) {
	if err := v.checkFQDN(leaf, found.names, &p); err != nil {
		return nil, err
	}
	if v.Revocation == nil {
		return nil, &PeerError{Rule: RuleRevocation, Cert: leaf, Detail: "there is no revocation checker to ask"}
	}
	var first *PeerError
	for i, path := range found.paths {
		if path.checkValidity(now) != nil {
			continue
		}
		var chain []*x509.Certificate
		if chains != nil {
			chain = chains[i]
		} else {
			chain = path.chain(leaf)
		}
		err := v.checkRevocation(ctx, chain, p.OCSPResponse)
		if err == nil {
			return chain, nil
		}
		refusal := &PeerError{Rule: RuleRevocation, Cert: leaf, Err: err}
		revoked := revokedBy(err)
		if revoked != nil {
			refusal.Cert = revoked
		}
		if first == nil || revoked != nil && !first.Definite() {
			first = refusal
		}
		if revoked == leaf || ctx.Err() != nil {
			break
		}
	}
	if first == nil { // a nil *PeerError in an error would be read as acceptance
		return nil, &PeerError{Rule: RuleValidity, Cert: leaf, Detail: "no path of its chain is valid now"}
	}
	return nil, first
}

// checkRevocation asks Revocation for no longer than ctx; what is accepted after that
// is refused.
func (v *Verifier) checkRevocation(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	var err error
	if prompt, ok := v.Revocation.(interface{ HonoursContext() bool }); ok && prompt.HonoursContext() {
		err = v.Revocation.Check(ctx, chain, stapled)
	} else {
		var refusal error
		refusal, err = bounded.Call(ctx, &v.Pins.late, v.asked(chain[0]), func() error { return v.Revocation.Check(ctx, chain, stapled) })
		if err == nil {
			err = refusal
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// asked says which calls of Revocation hang together: those of one checker about one
// leaf. A checker that cannot be compared, such as a function, is this Verifier's alone.
func (v *Verifier) asked(leaf *x509.Certificate) bounded.Of {
	of := bounded.Of{Callee: v.Revocation, Subject: sha256.Sum256(leaf.Raw)}
	if !reflect.ValueOf(v.Revocation).Comparable() {
		of.Callee = v
	}
	return of
}

func (v *Verifier) now() time.Time {
	if v.Time != nil {
		return v.Time()
	}
	return time.Now()
}

func (v *Verifier) checkFQDN(leaf *x509.Certificate, names []string, p *Presented) error {
	if len(v.FQDNs) > 0 {
		if matchFQDN(names, v.FQDNs...) {
			return nil
		}
		return &PeerError{Rule: RuleFQDN, Cert: leaf,
			Detail: fmt.Sprintf("the certificate is that of %s, not of %s", quoteAll(names), quoteAll(v.FQDNs))}
	}
	if v.AllowAnyFQDN && p.Usage == x509.ExtKeyUsageClientAuth {
		return nil
	}
	if p.Usage != x509.ExtKeyUsageServerAuth {
		return &PeerError{Rule: RuleFQDN, Cert: leaf, Detail: "it was not said which FQDN to accept"}
	}
	if p.ServerName == "" || net.ParseIP(p.ServerName) != nil {
		return &PeerError{Rule: RuleFQDN, Cert: leaf,
			Detail: "no FQDN was dialled, as where an IP address is (RFC 6066 section 3), and the Verifier's FQDNs name none"}
	}
	if matchFQDN(names, p.ServerName) {
		return nil
	}
	return &PeerError{Rule: RuleFQDN, Cert: leaf,
		Detail: fmt.Sprintf("the certificate is that of %s, not of %q", quoteAll(names), clip(p.ServerName))}
}

// judged returns the verdict on the leaf; one of its paths at least is valid now.
func (s *pinSet) judged(leaf *x509.Certificate, usage x509.ExtKeyUsage, now time.Time) (*verdict, error) {
	key := verdictKey{leaf: sha256.Sum256(leaf.Raw), usage: usage}
	if known := s.verdicts.get(&key); known != nil && checkValidity(leaf, now) == nil && known.valid(now) != nil {
		return known, nil
	}
	// It was never judged, or it is not valid now on the paths that were found
	// then, and may be on others.
	found, err := s.judge(leaf, usage, now)
	if err != nil {
		return nil, err
	}
	s.verdicts.keep(&key, found)
	return found, nil
}

// judge applies the rules before RuleRevocation, except for the comparison of
// the names. Every path of the verdict is valid now.
func (s *pinSet) judge(leaf *x509.Certificate, usage x509.ExtKeyUsage, now time.Time) (*verdict, error) {
	paths, err := s.issuersOf(leaf)
	if err != nil {
		return nil, err
	}
	if paths, err = validNow(leaf, paths, now); err != nil {
		return nil, err
	}
	if err := checkKey(leaf); err != nil {
		return nil, err
	}
	if err := checkUsage(leaf, usage); err != nil {
		return nil, err
	}
	found := &verdict{leaf: leaf}
	var firstErr error
	for _, p := range paths {
		if err := p.verify(leaf, usage, now); err == nil {
			found.paths = append(found.paths, p)
		} else if firstErr == nil {
			firstErr = err
		}
	}
	if len(found.paths) == 0 {
		return nil, firstErr
	}
	if found.names, err = FQDNs(leaf); err != nil {
		return nil, &PeerError{Rule: RuleFQDN, Cert: leaf, Err: err}
	}
	return found, nil
}

// issuersOf returns the paths that begin with the SubCA whose key signed leaf.
func (s *pinSet) issuersOf(leaf *x509.Certificate) ([]*path, error) {
	var found []*path
	named := false
	for _, p := range s.paths {
		if !bytes.Equal(p.subCA.RawSubject, leaf.RawIssuer) {
			continue
		}
		named = true
		if !strongSignature(leaf.SignatureAlgorithm) {
			return nil, &PeerError{Rule: RuleKey, Cert: leaf,
				Detail: fmt.Sprintf("the leaf is signed with %v, not with SHA-256 or better", leaf.SignatureAlgorithm)}
		}
		if leaf.CheckSignatureFrom(p.subCA) == nil {
			found = append(found, p)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	detail := fmt.Sprintf("the issuer %q is not a pinned SubCA", clip(leaf.Issuer.String()))
	if named {
		detail = fmt.Sprintf("the issuer has the name of the pinned SubCA %q but another key", clip(leaf.Issuer.String()))
	}
	return nil, &PeerError{Rule: RuleSubCA, Cert: leaf, Detail: detail}
}

func validNow(leaf *x509.Certificate, paths []*path, now time.Time) ([]*path, error) {
	if err := checkValidity(leaf, now); err != nil {
		return nil, err
	}
	var valid []*path
	var firstErr error
	for _, p := range paths {
		if err := p.checkValidity(now); err == nil {
			valid = append(valid, p)
		} else if firstErr == nil {
			firstErr = err
		}
	}
	if len(valid) == 0 {
		return nil, firstErr
	}
	return valid, nil
}
