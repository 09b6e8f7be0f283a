// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/fips140"
	"crypto/tls"
	"fmt"
	"slices"
)

// A Suite is one of the guidance's cipher suites, by its IANA code. Any other
// value is no suite at all: it has no names and every builder refuses it.
type Suite uint16

// The eight suites of the guidance, section Ciphers, most preferred first.
const (
	ECDHE_RSA_AES256_GCM_SHA384 Suite = 0xC030
	ECDHE_RSA_AES128_GCM_SHA256 Suite = 0xC02F
	DHE_RSA_AES256_GCM_SHA384   Suite = 0x009F
	DHE_RSA_AES128_GCM_SHA256   Suite = 0x009E
	ECDHE_RSA_AES256_SHA384     Suite = 0xC028
	DHE_RSA_AES256_SHA256       Suite = 0x006B
	DHE_RSA_AES256_SHA          Suite = 0x0039
	ECDHE_RSA_AES256_SHA        Suite = 0xC014
)

// profile is the guidance's list in its order.
var profile = [...]struct {
	suite         Suite
	openssl, iana string
	native        bool
}{
	{ECDHE_RSA_AES256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", true},
	{ECDHE_RSA_AES128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", true},
	{DHE_RSA_AES256_GCM_SHA384, "DHE-RSA-AES256-GCM-SHA384", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", false},
	{DHE_RSA_AES128_GCM_SHA256, "DHE-RSA-AES128-GCM-SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", false},
	{ECDHE_RSA_AES256_SHA384, "ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", false},
	{DHE_RSA_AES256_SHA256, "DHE-RSA-AES256-SHA256", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", false},
	{DHE_RSA_AES256_SHA, "DHE-RSA-AES256-SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", false},
	{ECDHE_RSA_AES256_SHA, "ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", true},
}

// Suites returns a fresh copy of the eight suites in the guidance's order of
// preference.
func Suites() []Suite {
	suites := make([]Suite, len(profile))
	for i, p := range profile {
		suites[i] = p.suite
	}
	return suites
}

// ParseSuite returns the suite with the given OpenSSL name, as the guidance
// writes it. Any other name is an error.
func ParseSuite(openssl string) (Suite, error) {
	for _, p := range profile {
		if p.openssl == openssl {
			return p.suite, nil
		}
	}
	return 0, fmt.Errorf("%q is none of the guidance's cipher suites", openssl)
}

// String returns the OpenSSL name, such as ECDHE-RSA-AES256-GCM-SHA384, or the
// code in hexadecimal for a value that is none of the eight.
func (s Suite) String() string {
	if i := s.rank(); i >= 0 {
		return profile[i].openssl
	}
	return fmt.Sprintf("0x%04X", uint16(s))
}

// IANA returns the registered name, such as
// TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, or the code in hexadecimal for a value
// that is none of the eight.
func (s Suite) IANA() string {
	if i := s.rank(); i >= 0 {
		return profile[i].iana
	}
	return fmt.Sprintf("0x%04X", uint16(s))
}

// Native reports whether crypto/tls implements the suite. It has three of the
// eight, the two most preferred among them, and in FIPS 140-3 mode it has only
// those two; tlsconfig/openssl has all.
func (s Suite) Native() bool {
	if s == ECDHE_RSA_AES256_SHA && fips140.Enabled() {
		return false // crypto/tls leaves it out of every list then
	}
	i := s.rank()
	return i >= 0 && profile[i].native
}

// rank is the suite's place in the guidance's order, -1 if it has none.
func (s Suite) rank() int {
	for i := range profile {
		if profile[i].suite == s {
			return i
		}
	}
	return -1
}

// narrow puts the suites asked for into the guidance's order. Nil asks for all.
func narrow(asked []Suite) ([]Suite, error) {
	if asked == nil {
		return Suites(), nil
	}
	if len(asked) == 0 {
		return nil, fmt.Errorf("the list of suites is empty; nil stands for all of them")
	}
	for i, s := range asked {
		if s.rank() < 0 {
			return nil, fmt.Errorf("%v is none of the guidance's cipher suites", s)
		}
		if slices.Contains(asked[:i], s) {
			return nil, fmt.Errorf("%v is listed twice", s)
		}
	}
	return slices.DeleteFunc(Suites(), func(s Suite) bool { return !slices.Contains(asked, s) }), nil
}

// checkConnection refuses what was negotiated outside the profile.
func checkConnection(cs *tls.ConnectionState, suites []Suite) *PeerError {
	if cs.Version != tls.VersionTLS12 {
		return &PeerError{Rule: RuleVersion, Detail: "the connection is " + tls.VersionName(cs.Version) + ", not TLS 1.2"}
	}
	if !slices.Contains(suites, Suite(cs.CipherSuite)) {
		return &PeerError{Rule: RuleSuite, Detail: fmt.Sprintf("the connection has the suite %v, which is not among those accepted", Suite(cs.CipherSuite))}
	}
	return nil
}
