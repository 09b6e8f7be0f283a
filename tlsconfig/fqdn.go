// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/x509"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// FQDNs returns the names that cert speaks for, in lower case: the dNSNames of
// its subjectAltName, or its only common name if it has no subjectAltName
// extension at all, as Spine certificates often do. A name that is not a plain
// host name (a wildcard, an IP address, a trailing dot, anything but letters,
// digits, hyphens and dots) is an error, and so are several common names and
// none. cert must come from x509.ParseCertificate.
func FQDNs(cert *x509.Certificate) ([]string, error) { return fqdn.FromCertificate(cert) }

// matchFQDN compares the names of a certificate with those that are accepted.
func matchFQDN(names []string, accepted ...string) bool {
	for _, name := range names {
		for _, want := range accepted {
			if fqdn.Equal(name, want) {
				return true
			}
		}
	}
	return false
}

// quoteAll is for error texts; a certificate may hold any number of names.
func quoteAll(names []string) string {
	const most = 5
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			b.WriteString("...")
			break
		}
		b.WriteString(strconv.Quote(clip(name)))
	}
	return b.String()
}
