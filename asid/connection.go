// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
)

// suites returns the codes of the guidance's eight cipher suites; tlsconfig has
// their names and their order.
func suites() [8]uint16 {
	return [...]uint16{0xC030, 0xC02F, 0x009F, 0x009E, 0xC028, 0x006B, 0x0039, 0xC014}
}

// peer returns the names of the peer on r's connection, after a look at whether
// the connection is one that the guidance allows. Whether the certificate is a
// Spine certificate was decided in the handshake: tlsconfig verifies it, or the
// proxy that the hook speaks for.
func peer(r *http.Request, hook func(*http.Request) (*tls.ConnectionState, error)) (Names, error) {
	state := r.TLS
	if hook != nil {
		var err error
		if state, err = hook(r); err != nil {
			return Names{}, &ConnectionError{Detail: "cannot be judged", Err: err}
		}
	}
	switch {
	case state == nil:
		return Names{}, &ConnectionError{Detail: "has no TLS"}
	case !state.HandshakeComplete:
		return Names{}, &ConnectionError{Detail: "has not completed its handshake"}
	case state.Version != tls.VersionTLS12:
		return Names{}, &ConnectionError{Detail: fmt.Sprintf("is of version %s, not TLS 1.2", tls.VersionName(state.Version))}
	}
	if suites := suites(); !slices.Contains(suites[:], state.CipherSuite) {
		return Names{}, &ConnectionError{Detail: fmt.Sprintf("uses %s, which is not one of the guidance's cipher suites",
			tls.CipherSuiteName(state.CipherSuite))}
	}
	if len(state.PeerCertificates) == 0 {
		return NamesOf(nil)
	}
	return NamesOf(state.PeerCertificates[0])
}
