// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"crypto/x509"
	"strings"
)

// constraints adds the cases of a SubCA with name constraints (RFC 5280 section
// 4.2.1.10), which bind the names of a subjectAltName and know nothing of one in the
// common name. It has the name and the key of the other cases' SubCA, and so its list.
func (g *generator) constraints(s *spine, lists []string) {
	template := *s.subCA.cert
	template.SerialNumber = g.next()
	_, domain, _ := strings.Cut(fqdn, ".")
	template.PermittedDNSDomains, template.PermittedDNSDomainsCritical = []string{domain}, true
	der := must(x509.CreateCertificate(nil, &template, s.root.cert, &s.subCA.key.PublicKey, s.root.key))
	constrained := ca{must(x509.ParseCertificate(der)), s.subCA.key}
	for _, c := range []chainCase{
		{name: "a SubCA for a domain, and the FQDN in the subjectAltName", leaf: []leafOption{altNames(fqdn)}},
		{name: "a SubCA for a domain, and the FQDN in the common name alone", rule: "usage"},
		{name: "a SubCA for a domain, and another name beside the FQDN in the subjectAltName", rule: "usage", leaf: []leafOption{altNames(fqdn, "other.nhs.uk")}},
	} {
		c.clause, c.chain, c.pins = usageOfKeys, []*x509.Certificate{constrained.cert}, [2][]ca{{s.root}, {constrained}}
		g.chain(s, c, lists)
	}
}
