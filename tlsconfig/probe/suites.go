// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/tls"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// foreignNames are the suites of suites.txt.
var foreignNames = suitesOf(suitesText)

//go:embed suites.txt
var suitesText string

// suitesOf reads lines of a code and a name; those that begin with # are for the reader.
func suitesOf(text string) map[uint16]string {
	names := map[uint16]string{}
	for line := range strings.Lines(text) {
		var code uint16
		var name string
		if _, err := fmt.Sscanf(line, "0x%X %s", &code, &name); err == nil {
			names[code] = name
		}
	}
	return names
}

// foreign are the codes of foreignNames in their order.
var foreign = slices.Sorted(maps.Keys(foreignNames))

// maxOffer is how many of them are offered at once: some servers answer no hello of many
// suites, and some firewalls none in which one is that they know.
const maxOffer = 32

// commonSuites are what old versions of TLS are asked with beside the guidance's:
// a server that has only these at TLS 1.0 speaks TLS 1.0 all the same.
var commonSuites = []uint16{0xC013, 0x0033, 0x0035, 0x002F, 0xC012, 0x0016, 0x000A, 0x0005, 0x0004, 0xC009, 0xC00A}

// suites13 are those of TLS 1.3 (RFC 8446 appendix B.4).
var suites13 = []uint16{tls.TLS_AES_256_GCM_SHA384, tls.TLS_AES_128_GCM_SHA256, tls.TLS_CHACHA20_POLY1305_SHA256, aes128CCM, aes128CCM8}

const aes128CCM, aes128CCM8 = 0x1304, 0x1305

// suiteName returns the OpenSSL name of a suite of the guidance, the registered
// one of another, and the code of one that is not known.
func suiteName(id uint16) string {
	if slices.Contains(tlsconfig.Suites(), tlsconfig.Suite(id)) {
		return tlsconfig.Suite(id).String()
	}
	if name := foreignNames[id]; name != "" {
		return name
	}
	switch id {
	case aes128CCM:
		return "TLS_AES_128_CCM_SHA256"
	case aes128CCM8:
		return "TLS_AES_128_CCM_8_SHA256"
	}
	return tls.CipherSuiteName(id) // those of TLS 1.3, or the code
}
