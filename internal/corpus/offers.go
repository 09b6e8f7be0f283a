// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"fmt"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// The guidance's suites in its order, and those that crypto/tls has.
var (
	guidance = []uint16{0xC030, 0xC02F, 0x009F, 0x009E, 0xC028, 0x006B, 0x0039, 0xC014}
	native   = []uint16{0xC030, 0xC02F, 0xC014}
)

// A counter is a source of numbers that follow from a seed.
type counter uint64

func (c *counter) below(n int) int {
	*c = *c*6364136223846793005 + 1442695040888963407
	return int(uint64(*c) >> 33 % uint64(n))
}

// offers adds the cases of hellos. What a server chooses is the first suite of
// the guidance's list that the client offers, whatever the client's order.
func (g *generator) offers() {
	add := func(name, clause string, versions []string, suites ...uint16) {
		offer := &testdata.Offer{Versions: versions, Suites: suites}
		if slices.Contains(versions, "TLS 1.2") {
			offer.Chosen, offer.Native = first(guidance, suites), first(native, suites)
		}
		c := testdata.Case{Name: name, Clause: clause, Verdict: testdata.Accept, Offer: offer}
		if offer.Chosen == 0 {
			c.Verdict, c.Rule = testdata.Refuse, "protocol"
		}
		g.add(c)
	}
	tls12 := []string{"TLS 1.2"}
	for _, suite := range guidance {
		add(fmt.Sprintf("suite %04X alone", suite), clauseCiphers, tls12, suite)
	}
	add("all eight in the guidance's order", clauseCiphers, tls12, guidance...)
	reversed := slices.Clone(guidance)
	slices.Reverse(reversed)
	add("all eight in the opposite order", clauseCiphers, tls12, reversed...)
	random := counter(1)
	for i := range 60 {
		offer := slices.Clone(guidance)
		for n := len(offer) - 1; n > 0; n-- {
			j := random.below(n + 1)
			offer[n], offer[j] = offer[j], offer[n]
		}
		offer = offer[:1+random.below(len(offer))]
		if i%3 == 0 { // among others
			offer = append([]uint16{0xC02B, 0x009C}, append(offer, 0x1301, 0x00FF)...)
		}
		add(fmt.Sprintf("offer %d of any suites in any order", i+1), clauseCiphers, tls12, offer...)
	}
	for _, foreign := range []struct {
		name   string
		suites []uint16
	}{
		{"RSA key exchange", []uint16{0x002F, 0x0035, 0x003C, 0x003D, 0x009C, 0x009D}}, {"ECDSA", []uint16{0xC02B, 0xC02C, 0xC009, 0xC00A}},
		{"ChaCha20", []uint16{0xCCA8, 0xCCAA, 0xCCA9}}, {"the suites of TLS 1.3", []uint16{0x1301, 0x1302, 0x1303}}, {"3DES and RC4", []uint16{0x000A, 0xC012, 0x0005, 0xC011}},
		{"AES-128 in CBC mode", []uint16{0xC013, 0xC027, 0x0033, 0x0067}}, {"no encryption", []uint16{0x0001, 0x0002, 0x003B, 0xC010}}, {"anonymous", []uint16{0x00A6, 0x00A7, 0xC018, 0xC019}},
		{"CCM", []uint16{0xC09E, 0xC09F, 0xC09C, 0xC09D}}, {"signals alone", []uint16{0x00FF, 0x5600}},
	} {
		add(foreign.name+" and nothing of the list", clauseCiphers, tls12, foreign.suites...)
		add(foreign.name+" before the least of the list", clauseCiphers, tls12, append(slices.Clone(foreign.suites), 0xC014)...)
	}
	for _, versions := range [][]string{{"SSLv3"}, {"TLS 1.0"}, {"TLS 1.1"}, {"TLS 1.3"}, {"TLS 1.0", "TLS 1.1"}, {"TLS 1.1", "TLS 1.3"}} {
		add(fmt.Sprint("versions ", versions, " with all eight suites"), clauseProtocols, versions, guidance...)
	}
	for _, version := range []string{"TLS 1.0", "TLS 1.1"} { // the suites of which older versions have
		add(version+" with the suites of SSL 3 and later", clauseProtocols, []string{version}, 0xC014, 0x0039)
	}
	add("TLS 1.3 with its suites and all eight", clauseProtocols, []string{"TLS 1.3"}, append([]uint16{0x1302, 0x1301}, guidance...)...)
	add("TLS 1.3 and TLS 1.2", clauseProtocols, []string{"TLS 1.3", "TLS 1.2"}, append([]uint16{0x1302, 0x1301}, guidance...)...)
	add("every version", clauseProtocols, []string{"TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0"}, guidance...)
}

func first(list, offered []uint16) uint16 {
	for _, suite := range list {
		if slices.Contains(offered, suite) {
			return suite
		}
	}
	return 0
}
