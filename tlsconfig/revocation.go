// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/x509"
)

// A RevocationChecker refuses a chain that holds a revoked certificate, or one
// whose revocation it cannot rule out. *revocation.Checker is one.
//
// The chain is leaf, SubCA, root and has passed every other rule; stapled is
// the OCSP response that came with the handshake, nil if none did. Check must
// return when ctx ends, must not change the chain, and must be safe for
// concurrent use. It is called for every handshake, resumed ones included. One that
// has a method Validate() error is asked by it when an Endpoint is built.
type RevocationChecker interface {
	Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error
}

// InsecureSkipRevocation accepts every chain. The guidance forbids that: it is
// for development only, and an Endpoint that is built with it logs a warning.
type InsecureSkipRevocation struct{}

// Check returns nil.
func (InsecureSkipRevocation) Check(context.Context, []*x509.Certificate, []byte) error { return nil }
