// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// alone adds the cases of chains that are right but for one thing that only one rule
// looks at: a name that is none beside the accepted one, an issuer that has the
// SubCA's key and another name, a list of the other kind of certificates.
func (g *generator) alone(s *spine, lists []string) {
	renamed := *s.subCA.cert
	renamed.RawSubject, renamed.Subject = nil, caName("nhs", "Corpus Authentication of another name")
	cases := []chainCase{
		{name: "signed with the SubCA's key under another name", clause: dirTeam, rule: "subca", leaf: []leafOption{by(ca{&renamed, s.subCA.key})}},
		{name: "RSA with 8208 bits", clause: clauseCiphers, rule: "key", leaf: []leafOption{public(&wideKey("leaf 8208", 8).PublicKey)}},
		{name: "a BMPString that ends in NUL as the common name", clause: fqdnOfSSP, rule: "fqdn", leaf: []leafOption{subject(text(oidCN, 30, bmp(fqdn+"\x00")))}},
	}
	label := strings.Repeat("a", 63)
	for _, c := range []struct{ what, name string }{
		{"an empty name", ""}, {"a name of 254 octets", strings.Join([]string{label, label, label, label[:59], "uk"}, ".")},
		{"a name that ends in a dot", fqdn + "."}, {"a wildcard", "*.int.spine2.corpus.nhs.uk"}, {"a name with two dots together", "msg..corpus.nhs.uk"},
		{"a label of 64 octets", label + "a.nhs.uk"}, {"a label that begins with a hyphen", "-msg.nhs.uk"}, {"a label that ends in a hyphen", "msg-.nhs.uk"},
		{"an address in digits", "192.0.2.1"},
	} {
		cases = append(cases, chainCase{name: c.what + " beside the right one in the subjectAltName", clause: fqdnOfSSP, rule: "fqdn", leaf: []leafOption{altNames(fqdn, c.name)}})
	}
	for _, c := range cases {
		g.chain(s, c, lists)
	}
	expired, responder := g.newLeaf(s, commonName("Corpus OCSP responder of last year"), public(&key("responder", 2048).PublicKey), keyUsage(x509.KeyUsageDigitalSignature),
		extKeyUsage(x509.ExtKeyUsageOCSPSigning), extension(false, []byte{5, 0}, 1, 3, 6, 1, 5, 5, 7, 48, 1, 5), valid(now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0))), key("responder", 2048)
	g.addLists(s, clauseCRL, []listCase{
		{name: "the root's list is for end entities alone", refused: true, lists: one(s, still(revocationtest.CRL{})), arl: func() []byte {
			return list(s.root, revocationtest.CRL{Scope: partition(arlURL)})
		}},
	})
	g.addLists(s, clauseOCSP, []listCase{
		{name: "the responder's certificate has expired", refused: true, staple: func(leaf *x509.Certificate) []byte {
			response := revocationtest.OCSPResponse{Issuer: s.subCA.cert, Responder: expired, Key: responder, ProducedAt: now.Add(-time.Hour),
				Answers: []revocationtest.SingleResponse{{Serial: leaf.SerialNumber}}}
			return response.DER()
		}},
	})
}

// bmp returns text in the encoding of a BMPString.
func bmp(text string) string {
	var octets []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		octets = append(octets, byte(unit>>8), byte(unit))
	}
	return string(octets)
}

// wideKey returns the RSA key of a name, of primes of 1026 bits each: two of half its
// length would take long to find.
func wideKey(name string, primes int) *rsa.PrivateKey {
	keysMu.Lock()
	defer keysMu.Unlock()
	if keys[name] != nil {
		return keys[name]
	}
	one, e := big.NewInt(1), big.NewInt(65537)
	for random := (&stream{name: name}); ; {
		n, totient := big.NewInt(1), big.NewInt(1)
		var factors []*big.Int
		for range primes {
			p := prime(random, 1026)
			factors = append(factors, p)
			n.Mul(n, p)
			totient.Mul(totient, new(big.Int).Sub(p, one))
		}
		slices.SortFunc(factors, (*big.Int).Cmp)
		if d := new(big.Int).ModInverse(e, totient); d != nil && len(slices.CompactFunc(factors, func(a, b *big.Int) bool { return a.Cmp(b) == 0 })) == primes {
			k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}, D: d, Primes: factors}
			k.Precompute()
			keys[name] = k
			return k
		}
	}
}
