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
// the OCSP response that came with the handshake, nil if none did. Check must not
// change the chain, and must be safe for concurrent use. It is called for every
// handshake, resumed ones included, and for every request that is judged by
// [Endpoint.Peer].
//
// Check should return when ctx ends: from then on the peer is refused, whatever Check
// says. It is called in a goroutine of its own, which is waited for 0.1 s longer, for its
// error, and then left alone. Of the calls that were left 1,000 may go on for all that
// judge by the same Pins: one checker may have half of what the others leave, about one
// leaf a third, and 16 however many others have. It then refuses peers without a call, until
// enough of its calls have returned. So a checker which hangs refuses no other endpoint's
// peers, and a peer about which it hangs no other peer, unless hundreds of its calls had
// begun together. A checker that has a method HonoursContext() bool which returns true is
// called without that goroutine, which is quicker. One that has a method Validate() error
// is asked by it when an Endpoint is built.
type RevocationChecker interface {
	Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error
}

// InsecureSkipRevocation accepts every chain. The guidance forbids that: it is
// for development only, and an Endpoint that is built with it logs a warning.
type InsecureSkipRevocation struct{}

// Check returns nil.
func (InsecureSkipRevocation) Check(context.Context, []*x509.Certificate, []byte) error { return nil }

// HonoursContext returns true: Check never waits.
func (InsecureSkipRevocation) HonoursContext() bool { return true }
