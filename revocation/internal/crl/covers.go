// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// Covers returns the reasons for which the list is authoritative for the
// certificate by the given distribution point, or why it is not (RFC 5280
// section 6.3.3 (b) and (d)). Whether it is complete, current and signed by
// an issuer that may is not looked at.
func (l *List) Covers(s *Subject, p *Point) (Reasons, string) {
	if p.crlIssuer != nil {
		if !slices.ContainsFunc(p.crlIssuer, der.DirectoryName(l.issuer).Equal) {
			return 0, "its issuer is not the cRLIssuer of the distribution point"
		}
		if !l.scope.indirect {
			return 0, "the distribution point names a cRLIssuer, but it is not indirect"
		}
	} else if l.issuer != s.Issuer {
		return 0, "its issuer is not that of the certificate"
	}
	if l.scope.name.present {
		names := p.crlIssuer
		if p.name.present {
			names = p.name.names(p.issuerName(s.Issuer))
		}
		own := l.scope.name.names(l.issuer)
		if !der.Share(own, names) {
			return 0, "its distribution point is " + describe(own) + ", that of the certificate " + describe(names)
		}
	}
	ca := s.Cert.BasicConstraintsValid && s.Cert.IsCA
	switch {
	case l.scope.userCerts && ca:
		return 0, "it covers end entity certificates only"
	case l.scope.userCerts && s.Cert.Version == 1:
		return 0, "it covers end entity certificates only, which one of version 1 is not (RFC 5280 section 5.2.5)"
	case l.scope.caCerts && !ca:
		return 0, "it covers CA certificates only"
	case l.scope.attributeCerts:
		return 0, "it covers attribute certificates only"
	}
	if l.scope.someReasons {
		return p.reasons & l.scope.reasons, ""
	}
	return p.reasons, ""
}
