// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// A Rule names the check that refused a peer. Its zero value is none of them.
type Rule int

// The rules in the order in which they are checked.
const (
	// RuleVersion: the connection is not TLS 1.2.
	RuleVersion Rule = iota + 1
	// RuleSuite: its cipher suite is none of those asked for.
	RuleSuite
	// RuleNoCertificate: the peer presented no certificate.
	RuleNoCertificate
	// RuleSubCA: the leaf was not issued by a pinned SubCA.
	RuleSubCA
	// RuleRoot: the SubCA was not issued by a pinned root.
	RuleRoot
	// RuleValidity: a certificate of the chain has expired or is not yet valid.
	RuleValidity
	// RuleKey: a key or a signature is too weak, or of the wrong kind.
	RuleKey
	// RuleUsage: basicConstraints, keyUsage, extKeyUsage, a name constraint or
	// an unknown critical extension forbids this use.
	RuleUsage
	// RuleFQDN: another name, several names in the subject, or none.
	RuleFQDN
	// RuleRevocation: revoked, or not known not to be.
	RuleRevocation
)

var ruleNames = [...]string{
	RuleVersion:       "version",
	RuleSuite:         "suite",
	RuleNoCertificate: "no-certificate",
	RuleSubCA:         "subca",
	RuleRoot:          "root",
	RuleValidity:      "validity",
	RuleKey:           "key",
	RuleUsage:         "usage",
	RuleFQDN:          "fqdn",
	RuleRevocation:    "revocation",
}

// String returns a stable lower-case name, such as "fqdn".
func (r Rule) String() string {
	if r > 0 && int(r) < len(ruleNames) {
		return ruleNames[r]
	}
	return fmt.Sprintf("rule(%d)", int(r))
}

// A PeerError says which rule refused a peer, over which certificate. Unwrap
// gives the cause, such as *revocation.RevokedError.
type PeerError struct {
	Rule   Rule
	Cert   *x509.Certificate // the certificate concerned; nil for RuleVersion, RuleSuite and RuleNoCertificate
	Detail string            // what was found and what was wanted
	Err    error             // the cause; nil if Detail says it all
}

// Error names the rule and what was found.
func (e *PeerError) Error() string {
	return "peer refused by rule " + e.Rule.String() + ": " + e.why()
}

// why is bounded: crypto/x509's errors repeat names of the certificate's.
func (e *PeerError) why() string {
	text := e.Detail
	if e.Err != nil {
		if text != "" {
			text += ": "
		}
		text += e.Err.Error()
	}
	return ascii.Cut(text, 1000)
}

// clip bounds what a peer's certificate can add to an error or a log.
func clip(s string) string { return ascii.Cut(s, 200) }

// Unwrap returns the cause.
func (e *PeerError) Unwrap() error { return e.Err }

// PeerRule returns the rule's word, for package asid's PeerSource.
func (e *PeerError) PeerRule() string { return e.Rule.String() }

// Definite reports whether asking again could not change the answer: the peer
// breaks a rule, or its certificate is known to be revoked. It is false while
// revocation is merely unknown, because a CRL cannot be fetched, for instance.
func (e *PeerError) Definite() bool {
	return e.Rule != RuleRevocation || revokedBy(e.Err) != nil
}

// revokedBy returns the certificate that err says is revoked; nil: it says of
// none. Only revocation's own errors have the method, which keeps this package
// from importing that one.
func revokedBy(err error) *x509.Certificate {
	revoked, ok := errors.AsType[interface {
		error
		Revoked() *x509.Certificate
	}](err)
	if !ok {
		return nil
	}
	return revoked.Revoked()
}
