// SPDX-License-Identifier: Apache-2.0

package front

import (
	"strconv"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// The rules of this package. A certificate that came is refused by the rules of
// tlsconfig, and the connection to the proxy by "version" and "suite".
const (
	// RuleProxy: the request did not come from the proxy.
	RuleProxy = "proxy"
	// RuleHeader: what the proxy should have said is missing, there twice or
	// malformed.
	RuleHeader = "front-header"
)

// An Error is a peer that a Front refuses. Unwrap gives the cause, such
// as *tlsconfig.PeerError.
type Error struct {
	Rule   string
	Header string // concerned; empty if none is
	Detail string // what was found and what was wanted
	Err    error  // the cause; nil if Detail says it all
}

// Error names the rule and what was found.
func (e *Error) Error() string { return "peer refused by rule " + e.Rule + ": " + e.why() }

// why is bounded: the errors of what reads certificates repeat parts of them.
func (e *Error) why() string {
	text := e.Detail
	if e.Err != nil {
		if text != "" {
			text += ": "
		}
		text += e.Err.Error()
	}
	if e.Header != "" {
		text = e.Header + " " + text
	}
	return ascii.Cut(text, 1200)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// PeerRule returns Rule.
func (e *Error) PeerRule() string { return e.Rule }

// CloseConnection returns false: the connection is the proxy's, and carries other
// peers' requests.
func (e *Error) CloseConnection() bool { return false }

// quote bounds what a header can add to an error.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
