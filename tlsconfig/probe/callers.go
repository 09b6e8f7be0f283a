// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/tls"
	"time"
)

// presented is one certificate for one connection of the client.
type presented struct {
	subject string
	cert    tls.Certificate
	bad     bool
	older   bool // a version before TLS 1.2 is offered with it
}

// callers are the connections of one client.
type callers struct {
	*Prober
	timeout time.Duration
	report  *Report
	from    string // the client's address, without the port
	older   bool   // its hello leaves open whether it takes versions before TLS 1.2
}

// isSignal reports whether a value in the place of a suite is none: reserved, or one of
// the two signals (RFC 5746, RFC 7507).
func isSignal(id uint16) bool { return isGrease(id) || id == 0x00ff || id == 0x5600 }

// isGrease reports whether a value is reserved to keep servers tolerant (RFC 8701).
func isGrease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }
