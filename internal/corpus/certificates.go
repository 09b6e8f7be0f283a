// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A chainCase is a chain with what is special about it. Fields that are not set
// are those of an ordinary, good peer.
type chainCase struct {
	name, clause string
	rule         string // that refuses; empty: it is accepted
	leaf         []leafOption
	chain        []*x509.Certificate // behind the leaf; nil: the SubCA
	alone        bool                // nothing is behind the leaf
	pins         [2][]ca             // roots and SubCAs; nil: one of each
	fqdns        []string
	at           time.Time
	usages       []string // nil: both
}

// certificates adds the cases of chains, whose certificates are all on current
// lists that revoke nothing.
func (g *generator) certificates() (s *spine, lists []string) {
	s = g.newSpine()
	revoked := revokedLeaves()
	var entries []revocationtest.Entry
	for i := range revoked { // on the list that all share, so that one server can be asked about all
		entries = append(entries, revocationtest.Entry{Serial: revoked[i].serial, Reason: revoked[i].reason})
	}
	lists = g.goodLists(s, entries)
	for _, leaf := range revoked {
		goodLeaf := leafOption(template(func(c *x509.Certificate) { c.SerialNumber = leaf.serial }))
		g.chain(s, chainCase{name: leaf.name, clause: clauseCRL, rule: "revocation", leaf: []leafOption{goodLeaf}}, lists)
	}
	g.systems(s)
	g.add(testdata.Case{Name: "client: presents nothing", Clause: dirTeam, Verdict: testdata.Refuse, Rule: "no-certificate", Certificate: &testdata.Certificate{
		Chain: g.pem("certificates/none.pem"), Key: "keys/leaf.pem", Usage: "client", FQDNs: []string{fqdn}, At: now,
		Roots: g.pins("roots", []ca{s.root}), SubCAs: g.pins("subcas", []ca{s.subCA}), CRLs: lists,
	}})
	for _, c := range append(append(goodChains(s), badChains(s)...), badNames(s)...) {
		g.chain(s, c, lists)
	}
	return s, lists
}

// chain adds the case of a chain, as a client's and as a server's.
func (g *generator) chain(s *spine, c chainCase, lists []string) {
	leaf := g.newLeaf(s, c.leaf...)
	ders := [][]byte{leaf.Raw}
	switch {
	case c.chain != nil:
		for _, cert := range c.chain {
			ders = append(ders, cert.Raw)
		}
	case !c.alone:
		ders = append(ders, s.subCA.cert.Raw)
	}
	if c.pins[0] == nil {
		c.pins = [2][]ca{{s.root}, {s.subCA}}
	}
	if c.fqdns == nil {
		c.fqdns = []string{fqdn}
	}
	if c.at.IsZero() {
		c.at = now
	}
	if c.usages == nil {
		c.usages = []string{"client", "server"}
	}
	chain := g.pem("certificates/"+slug(c.name)+".pem", ders...)
	for _, usage := range c.usages {
		verdict := testdata.Accept
		if c.rule != "" {
			verdict = testdata.Refuse
		}
		g.add(testdata.Case{Name: usage + ": " + c.name, Clause: c.clause, Verdict: verdict, Rule: c.rule, Certificate: &testdata.Certificate{
			Chain: chain, Key: g.keyFile(leaf.PublicKey), Usage: usage, FQDNs: c.fqdns, At: c.at, Roots: g.pins("roots", c.pins[0]), SubCAs: g.pins("subcas", c.pins[1]), CRLs: lists,
		}})
	}
}

// pins writes a file of pinned CAs, named after their serial numbers.
func (g *generator) pins(kind string, cas []ca) string {
	var ders [][]byte
	var names []string
	for _, c := range cas {
		ders, names = append(ders, c.cert.Raw), append(names, c.cert.SerialNumber.Text(16))
	}
	return g.pem("certificates/"+kind+"-"+strings.Join(names, "-")+".pem", ders...)
}

// A revokedLeaf is a good leaf that the SubCA's list has.
type revokedLeaf struct {
	name   string
	serial *big.Int
	reason revocation.Reason
}

func revokedLeaves() []revokedLeaf {
	return []revokedLeaf{
		{"revoked since its key was compromised", big.NewInt(0x4000_0001), revocation.ReasonKeyCompromise},
		{"revoked without a reason", big.NewInt(0x4000_0002), revocation.ReasonUnspecified},
		{"on hold", big.NewInt(0x4000_0003), revocation.ReasonCertificateHold},
		{"revoked since its operation ceased", big.NewInt(0x4000_0004), revocation.ReasonCessationOfOperation},
	}
}

// systems writes the certificates of the servers and systems that the requests are
// from and to.
func (g *generator) systems(s *spine) {
	for _, name := range []string{"nrl.corpus.nhs.uk", "provider.corpus.nhs.uk", consumerFQDN, maintainerFQDN, "second.corpus.nhs.uk", "other.corpus.nhs.uk", "unregistered.corpus.nhs.uk",
		"a." + consumerFQDN, fqdn} {
		leaf := g.newLeaf(s, commonName(name))
		g.pem("certificates/systems/"+name+".pem", leaf.Raw, s.subCA.cert.Raw)
	}
}

// goodLists are current lists of every CA; the SubCA's has the entries.
func (g *generator) goodLists(s *spine, entries []revocationtest.Entry) (paths []string) {
	for name, issuer := range map[string]ca{"root": s.root, "subca": s.subCA, "sibling": s.sibling, "root2": s.root2, "subca2": s.subCA2,
		"expired-subca": s.expiredSubCA, "below": s.below, "old-root": s.oldRoot, "old-subca": s.oldTree} {
		l := revocationtest.CRL{ThisUpdate: now.Add(-26 * time.Hour), NextUpdate: now.AddDate(2, 0, 0)}
		if name == "subca" {
			l.Entries = entries
		}
		g.file("certificates/good-"+name+".crl", list(issuer, l))
	}
	for _, name := range []string{"below", "expired-subca", "old-root", "old-subca", "root", "root2", "sibling", "subca", "subca2"} {
		paths = append(paths, "certificates/good-"+name+".crl")
	}
	return paths
}

// list signs a CRL, by default of a day ago for a week.
func list(issuer ca, l revocationtest.CRL) []byte {
	l.Issuer = issuer.cert
	if l.Key == nil {
		l.Key = issuer.key
	}
	if l.ThisUpdate.IsZero() {
		l.ThisUpdate = now.Add(-24 * time.Hour)
	}
	if l.NextUpdate.IsZero() {
		l.NextUpdate = l.ThisUpdate.AddDate(0, 0, 7)
	}
	return l.DER()
}

func goodChains(s *spine) []chainCase {
	two := [2][]ca{{s.root, s.root2}, {s.subCA, s.subCA2}}
	return []chainCase{
		{name: "the FQDN in the common name alone, as the Spine issues", clause: fqdnOfSSP},
		{name: "the FQDN in a subjectAltName", clause: fqdnOfSSP, leaf: []leafOption{altNames(fqdn)}},
		{name: "the FQDN in a subjectAltName and another common name", clause: fqdnOfSSP, leaf: []leafOption{commonName("other.nhs.uk"), altNames(fqdn)}},
		{name: "the FQDN as the second of two in the subjectAltName", clause: fqdnOfSSP, leaf: []leafOption{altNames("other.nhs.uk", fqdn)}},
		{name: "the FQDN in capitals", clause: fqdnOfSSP, leaf: []leafOption{commonName("MSG.INT.SPINE2.CORPUS.NHS.UK")}},
		{name: "the second of the accepted names", clause: fqdnOfSSP, fqdns: []string{"first.nhs.uk", fqdn}},
		{name: "the common name as an IA5String", clause: fqdnOfSSP, leaf: []leafOption{subject(text(oidO, 19, "nhs"), text(oidCN, 22, fqdn))}},
		{name: "the common name as a UTF8String", clause: fqdnOfSSP, leaf: []leafOption{subject(text(oidO, 12, "nhs"), text(oidCN, 12, fqdn))}},
		{name: "the common name before the organisation", clause: fqdnOfSSP, leaf: []leafOption{subject(text(oidCN, 19, fqdn), text(oidO, 19, "nhs"))}},
		{name: "RSA with 3072 bits", clause: clauseCiphers, leaf: []leafOption{public(&key("leaf 3072", 3072).PublicKey)}},
		{name: "RSA with 4096 bits", clause: clauseCiphers, leaf: []leafOption{public(&key("leaf 4096", 4096).PublicKey)}},
		{name: "signed with SHA-384", clause: clauseCiphers, leaf: []leafOption{template(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA384WithRSA })}},
		{name: "signed with SHA-512", clause: clauseCiphers, leaf: []leafOption{template(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA512WithRSA })}},
		{name: "the SubCA is not sent", clause: chainOfTrust, alone: true},
		{name: "the root is sent, too", clause: chainOfTrust, chain: []*x509.Certificate{s.subCA.cert, s.root.cert}},
		{name: "a certificate that does not belong there is sent, too", clause: chainOfTrust, chain: []*x509.Certificate{s.subCA.cert, s.unpinned.cert, s.sibling.cert}},
		{name: "another CA's certificate with the SubCA's name is sent in its place", clause: chainOfTrust, chain: []*x509.Certificate{s.sameNamedSubCA.cert}},
		{name: "two generations are pinned, the first issued", clause: chainOfTrust, pins: two},
		{name: "two generations are pinned, the second issued", clause: dirTeam, pins: two, leaf: []leafOption{by(s.subCA2)}, chain: []*x509.Certificate{s.subCA2.cert}},
		{name: "at the first second of its validity", clause: notExpired, leaf: []leafOption{valid(now, now.AddDate(1, 0, 0))}},
		{name: "at the last second of its validity", clause: notExpired, leaf: []leafOption{valid(now.AddDate(-1, 0, 0), now)}},
		{name: "an unknown extension that is not critical", clause: usageOfKeys, leaf: []leafOption{extension(false, []byte{5, 0}, 1, 2, 840, 113533, 7, 65, 0)}},
		{name: "digitalSignature alone", clause: usageOfKeys, leaf: []leafOption{template(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })}},
		{name: "for clients alone, as a client", clause: usageOfKeys, usages: []string{"client"}, leaf: []leafOption{extKeyUsage(x509.ExtKeyUsageClientAuth)}},
		{name: "for servers alone, as a server", clause: usageOfKeys, usages: []string{"server"}, leaf: []leafOption{extKeyUsage(x509.ExtKeyUsageServerAuth)}},
		{name: "without basicConstraints", clause: usageOfKeys, leaf: []leafOption{template(func(c *x509.Certificate) { c.BasicConstraintsValid = false })}},
	}
}

func extKeyUsage(usages ...x509.ExtKeyUsage) leafOption {
	return template(func(c *x509.Certificate) { c.ExtKeyUsage = usages })
}

func keyUsage(usage x509.KeyUsage) leafOption {
	return template(func(c *x509.Certificate) { c.KeyUsage = usage })
}

func badChains(s *spine) []chainCase {
	behind := func(cas ...ca) (certs []*x509.Certificate) {
		for _, c := range cas {
			certs = append(certs, c.cert)
		}
		return certs
	}
	return []chainCase{
		{name: "issued by another SubCA of the root", clause: dirTeam, rule: "subca", leaf: []leafOption{by(s.sibling)}, chain: behind(s.sibling)},
		{name: "issued by another SubCA, whose certificate is not sent", clause: dirTeam, rule: "subca", leaf: []leafOption{by(s.sibling)}, alone: true},
		{name: "issued by the root itself", clause: dirTeam, rule: "subca", leaf: []leafOption{by(s.root)}, chain: behind(s.root)},
		{name: "issued by another CA with the SubCA's name", clause: dirTeam, rule: "subca", leaf: []leafOption{by(s.sameNamedSubCA)}, chain: behind(s.sameNamedSubCA, s.unpinned)},
		{name: "issued by a CA below the SubCA", clause: chainOfTrust, rule: "subca", leaf: []leafOption{by(s.below)}, chain: behind(s.below, s.subCA)},
		{name: "self-signed", clause: chainOfTrust, rule: "subca", alone: true, leaf: []leafOption{func(l *leaf) { l.issuer = ca{l.template, key("leaf", 2048)} }}},
		{name: "issued by a generation that is not pinned", clause: chainOfTrust, rule: "subca", leaf: []leafOption{by(s.subCA2)}, chain: behind(s.subCA2, s.root2)},
		{name: "the SubCA's root is not pinned", clause: chainOfTrust, rule: "root", pins: [2][]ca{{s.root2}, {s.subCA}}},
		{name: "the pinned root is another with the name of the SubCA's", clause: chainOfTrust, rule: "root", pins: [2][]ca{{s.unpinned}, {s.subCA}}},
		{name: "expired a second ago", clause: notExpired, rule: "validity", leaf: []leafOption{valid(now.AddDate(-1, 0, 0), now.Add(-time.Second))}},
		{name: "not valid for a second yet", clause: notExpired, rule: "validity", leaf: []leafOption{valid(now.Add(time.Second), now.AddDate(1, 0, 0))}},
		{name: "expired a year ago", clause: notExpired, rule: "validity", leaf: []leafOption{valid(now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0))}},
		{name: "the SubCA has expired", clause: notExpired, rule: "validity", leaf: []leafOption{by(s.expiredSubCA)}, chain: behind(s.expiredSubCA), pins: [2][]ca{{s.root}, {s.expiredSubCA}}},
		{name: "the root has expired", clause: notExpired, rule: "validity", leaf: []leafOption{by(s.oldTree)}, chain: behind(s.oldTree), pins: [2][]ca{{s.oldRoot}, {s.oldTree}}},
		{name: "RSA with 1024 bits", clause: clauseCiphers, rule: "key", leaf: []leafOption{public(&key("leaf 1024", 1024).PublicKey)}},
		{name: "RSA with 2040 bits", clause: clauseCiphers, rule: "key", leaf: []leafOption{public(&key("leaf 2040", 2040).PublicKey)}},
		{name: "an RSA key with the exponent 1", clause: clauseCiphers, rule: "key", leaf: []leafOption{public(&rsa.PublicKey{N: key("leaf", 2048).N, E: 1})}},
		{name: "an ECDSA key", clause: clauseCiphers, rule: "key", leaf: []leafOption{public(&ecKey("leaf").PublicKey)}},
		{name: "signed with SHA-1", clause: clauseCiphers, rule: "key", leaf: []leafOption{template(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })}},
		{name: "a CA's certificate", clause: usageOfKeys, rule: "usage", leaf: []leafOption{template(func(c *x509.Certificate) { c.IsCA = true })}},
		{name: "no keyUsage", clause: usageOfKeys, rule: "usage", leaf: []leafOption{keyUsage(0)}},
		{name: "keyEncipherment alone", clause: usageOfKeys, rule: "usage", leaf: []leafOption{keyUsage(x509.KeyUsageKeyEncipherment)}},
		{name: "keyCertSign beside digitalSignature", clause: usageOfKeys, rule: "usage", leaf: []leafOption{keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign)}},
		{name: "cRLSign beside digitalSignature", clause: usageOfKeys, rule: "usage", leaf: []leafOption{keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign)}},
		{name: "no extKeyUsage", clause: usageOfKeys, rule: "usage", leaf: []leafOption{extKeyUsage()}},
		{name: "anyExtendedKeyUsage", clause: usageOfKeys, rule: "usage", leaf: []leafOption{extKeyUsage(x509.ExtKeyUsageAny)}},
		{name: "anyExtendedKeyUsage beside both", clause: usageOfKeys, rule: "usage", leaf: []leafOption{extKeyUsage(x509.ExtKeyUsageAny, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)}},
		{name: "for code signing", clause: usageOfKeys, rule: "usage", leaf: []leafOption{extKeyUsage(x509.ExtKeyUsageCodeSigning)}},
		{name: "for servers alone, as a client", clause: usageOfKeys, rule: "usage", usages: []string{"client"}, leaf: []leafOption{extKeyUsage(x509.ExtKeyUsageServerAuth)}},
		{name: "for clients alone, as a server", clause: usageOfKeys, rule: "usage", usages: []string{"server"}, leaf: []leafOption{extKeyUsage(x509.ExtKeyUsageClientAuth)}},
		{name: "an unknown extension that is critical", clause: usageOfKeys, rule: "usage", leaf: []leafOption{extension(true, []byte{5, 0}, 1, 2, 840, 113533, 7, 65, 0)}},
	}
}

func badNames(*spine) []chainCase {
	var cases []chainCase
	refused := func(name string, options ...leafOption) {
		cases = append(cases, chainCase{name: name, clause: fqdnOfSSP, rule: "fqdn", leaf: options})
	}
	refused("another FQDN", commonName("other.nhs.uk"))
	refused("a host below the accepted one", commonName("a."+fqdn))
	refused("a host above the accepted one", commonName("int.spine2.corpus.nhs.uk"))
	refused("the accepted name with something behind it", commonName(fqdn+".evil.example"))
	refused("the accepted name with something before it", commonName("x"+fqdn))
	refused("a prefix of the accepted name", commonName("msg.int.spine2.corpus.nhs"))
	refused("a wildcard in the common name", commonName("*.int.spine2.corpus.nhs.uk"))
	refused("a wildcard in the subjectAltName", altNames("*.int.spine2.corpus.nhs.uk"))
	refused("a dot behind the name", commonName(fqdn+"."))
	refused("a blank behind the name", commonName(fqdn+" "))
	refused("a port behind the name", commonName(fqdn+":443"))
	refused("a URL", commonName("https://"+fqdn))
	refused("a NUL in the common name", subject(text(oidO, 12, "nhs"), text(oidCN, 12, fqdn+"\x00.evil.example")))
	refused("a letter of another alphabet", commonName("m\u0455g.int.spine2.corpus.nhs.uk"))
	refused("an underscore", commonName("msg_int.spine2.corpus.nhs.uk"))
	refused("no common name", subject(text(oidO, 19, "nhs")))
	refused("an empty common name", subject(text(oidO, 19, "nhs"), text(oidCN, 12, "")))
	refused("two common names, the right one last", subject(text(oidO, 19, "nhs"), text(oidCN, 19, "other.nhs.uk"), text(oidCN, 19, fqdn)))
	refused("two common names, the right one first", subject(text(oidO, 19, "nhs"), text(oidCN, 19, fqdn), text(oidCN, 19, "other.nhs.uk")))
	refused("the same common name twice", subject(text(oidCN, 19, fqdn), text(oidCN, 19, fqdn)))
	refused("the right common name beside another subjectAltName", altNames("other.nhs.uk"))
	refused("the right common name beside a subjectAltName with an address alone", template(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1).To4()} }))
	refused("the right common name beside a subjectAltName with a mailbox alone", template(func(c *x509.Certificate) { c.EmailAddresses = []string{"ssp@" + fqdn} }))
	refused("one odd name beside the right one in the subjectAltName", altNames(fqdn, "a_b.nhs.uk"))
	refused("the name in the organisation", template(func(c *x509.Certificate) {
		c.Subject = pkix.Name{Organization: []string{fqdn}, CommonName: "other.nhs.uk"}
	}))
	refused("an IP address as the common name", commonName("192.0.2.1"))
	return cases
}
