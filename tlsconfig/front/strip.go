// SPDX-License-Identifier: Apache-2.0

package front

import (
	"net/http"
	"strings"
)

// prefixes begin the names of headers by which proxies speak of their clients'
// certificates, in small letters and with dashes.
var prefixes = [...]string{"ssl-", "x-ssl-", "client-cert", "x-client-cert", "x-forwarded-client-cert", "x-forwarded-tls-client-cert",
	"x-amzn-mtls-", "x-amzn-tls-", "x-arr-clientcert", "x-tls-"}

// certificateHeader reports whether a header is one of them, in any spelling: some
// readers take an underscore for a dash.
func certificateHeader(name string) bool {
	switch name[:min(len(name), 1)] {
	case "S", "s", "X", "x", "C", "c":
	default:
		return false
	}
	for _, prefix := range prefixes {
		if len(name) >= len(prefix) && sameName(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

func sameName(a, b string) bool {
	for i := range len(b) {
		c := a[i]
		switch {
		case c == '_':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != b[i] {
			return false
		}
	}
	return true
}

// strip takes the headers of certificates out of h, and what announces trailers, of
// which nothing goes on.
func strip(h http.Header) {
	for name := range h {
		if certificateHeader(name) || strings.EqualFold(name, "Trailer") {
			delete(h, name)
		}
	}
}
