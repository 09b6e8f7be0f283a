// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A badPeer is a certificate that must not pass for the peer's, and the rule
// that it breaks.
type badPeer struct {
	name  string
	issue func(p *PKI, peer string) tls.Certificate
	rule  tlsconfig.Rule
}

// badPeers returns the certificates that must be refused at either end.
// All share the key of the peer's good one, where the key is not what is wrong.
func badPeers() []badPeer {
	with := func(variations ...Variation) func(*PKI, string) tls.Certificate {
		return func(p *PKI, peer string) tls.Certificate { return p.Issue(peer, variations...) }
	}
	named := func(name func(peer string) string, variations ...Variation) func(*PKI, string) tls.Certificate {
		return func(p *PKI, peer string) tls.Certificate {
			return p.Issue(name(peer), append(variations, keyOf(peer))...)
		}
	}
	parent := func(peer string) string {
		_, domain, _ := strings.Cut(peer, ".")
		return domain
	}
	return []badPeer{
		{"self-signed", with(SelfSigned()), tlsconfig.RuleSubCA},
		{"issued by the sibling SubCA", with(FromOtherSubCA()), tlsconfig.RuleSubCA},
		{"issued by the root", with(FromRoot()), tlsconfig.RuleSubCA},
		{"issued by another CA with the SubCA's name", with(FromNamesake()), tlsconfig.RuleSubCA},
		{"issued by a CA below the SubCA", with(fromBelow()), tlsconfig.RuleSubCA},
		{"expired", with(Expired()), tlsconfig.RuleValidity},
		{"not yet valid", with(NotYetValid()), tlsconfig.RuleValidity},
		{"with an RSA key of 1024 bits", with(Bits(1024)), tlsconfig.RuleKey},
		{"with the RSA exponent 1", with(exponent(1)), tlsconfig.RuleKey},
		{"signed with SHA-1", with(SHA1()), tlsconfig.RuleKey},
		{"with the CA bit", with(AsCA()), tlsconfig.RuleUsage},
		{"for code signing only", with(Usages(x509.ExtKeyUsageCodeSigning)), tlsconfig.RuleUsage},
		{"without extKeyUsage", with(Usages()), tlsconfig.RuleUsage},
		{"for any usage", with(Usages(x509.ExtKeyUsageAny)), tlsconfig.RuleUsage},
		{"for any usage, beside those of both ends", with(Usages(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny)), tlsconfig.RuleUsage},
		{"with keyCertSign", with(Template(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })), tlsconfig.RuleUsage},
		{"with an unknown critical extension", with(Template(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 826, 0, 1275, 999}, Critical: true, Value: []byte{5, 0}})
		})), tlsconfig.RuleUsage},
		{"without digitalSignature", with(Template(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), tlsconfig.RuleUsage},
		{"of another FQDN", named(func(peer string) string { return "not-" + peer }), tlsconfig.RuleFQDN},
		{"of a subdomain", named(func(peer string) string { return "sub." + peer }), tlsconfig.RuleFQDN},
		{"of a name that the peer's begins", named(func(peer string) string { return peer + ".example.org" }), tlsconfig.RuleFQDN},
		{"of a name that begins the peer's", named(func(peer string) string { return peer[:len(peer)-1] }), tlsconfig.RuleFQDN},
		{"of the domain above", named(parent), tlsconfig.RuleFQDN},
		{"of a wildcard", named(func(peer string) string { return "*." + parent(peer) }), tlsconfig.RuleFQDN},
		{"with a trailing dot", named(func(peer string) string { return peer + "." }), tlsconfig.RuleFQDN},
		{"with a NUL after the name", named(func(peer string) string { return peer + "\x00.example.org" }), tlsconfig.RuleFQDN},
		{"with a letter that folds to one of the peer's", named(foldable), tlsconfig.RuleFQDN},
		{"with a blank after the name", named(func(peer string) string { return peer + " " }), tlsconfig.RuleFQDN},
		{"with the name in the organisation, as a common name is printed", func(p *PKI, peer string) tls.Certificate {
			return p.Issue("not-the-peer.example.org", keyOf(peer), Template(func(c *x509.Certificate) { c.Subject.Organization = []string{"nhs,CN=" + peer} }))
		}, tlsconfig.RuleFQDN},
		{"with the name in a URI of the subjectAltName", func(p *PKI, peer string) tls.Certificate {
			return p.Issue("not-the-peer.example.org", keyOf(peer), Template(func(c *x509.Certificate) {
				c.URIs = []*url.URL{{Scheme: "https", Host: peer}}
			}))
		}, tlsconfig.RuleFQDN},
		{"with two common names, the peer's first", with(CommonNames("not-the-peer.example.org")), tlsconfig.RuleFQDN},
		{"with two common names, the peer's last", func(p *PKI, peer string) tls.Certificate {
			return p.Issue("not-the-peer.example.org", CommonNames(peer), keyOf(peer))
		}, tlsconfig.RuleFQDN},
		{"without a common name", named(func(string) string { return "" }), tlsconfig.RuleFQDN},
		{"with the name in the CN, beside a subjectAltName of another", with(WithSAN("not-the-peer.example.org")), tlsconfig.RuleFQDN},
		{"with the name in the CN, beside a subjectAltName without any", with(Template(func(c *x509.Certificate) {
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		})), tlsconfig.RuleFQDN},
		{"with a wildcard in the subjectAltName", func(p *PKI, peer string) tls.Certificate {
			return p.Issue(peer, WithSAN("*."+parent(peer)))
		}, tlsconfig.RuleFQDN},
	}
}

// foldable returns the name with a letter outside ASCII that Unicode folds to one
// of the name's, as strings.EqualFold does; RFC 4343 folds those of ASCII alone.
func foldable(peer string) string {
	return strings.NewReplacer("k", "\u212a", "s", "\u017f").Replace(strings.ToLower(peer))
}

// badClients are those that only a server meets.
func badClients() []badPeer {
	return append(badPeers(),
		badPeer{"for servers only", func(p *PKI, peer string) tls.Certificate {
			return p.Issue(peer, Usages(x509.ExtKeyUsageServerAuth))
		}, tlsconfig.RuleUsage},
		badPeer{"with an ECDSA key", func(p *PKI, peer string) tls.Certificate {
			return p.Issue(peer, ECDSA())
		}, tlsconfig.RuleKey},
	)
}

// badServers are those that only a client meets. An ECDSA key is not among them:
// no suite of the guidance could present it.
func badServers() []badPeer {
	return append(badPeers(), badPeer{"for clients only", func(p *PKI, peer string) tls.Certificate {
		return p.Issue(peer, Usages(x509.ExtKeyUsageClientAuth))
	}, tlsconfig.RuleUsage})
}
