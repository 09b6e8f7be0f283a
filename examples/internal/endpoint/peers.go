// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"crypto/x509"
	"errors"
	"net/http"
)

// Handshakes is an asid.PeerSource for servers whose TLS configuration has
// verified each peer in the handshake.
type Handshakes struct{}

// Peer returns the leaf that the handshake verified.
func (Handshakes) Peer(r *http.Request) (*x509.Certificate, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, errors.New("no handshake has verified the peer")
	}
	return r.TLS.PeerCertificates[0], nil
}
