// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// A LibraryError is a refusal by libssl itself, such as "no shared cipher". What
// the peer refused is a *net.OpError with the operation "remote error" around a
// tls.AlertError, as crypto/tls has it; what the endpoint's Verifier refused is
// its *tlsconfig.PeerError.
type LibraryError struct {
	Call   string // the C function
	Reason string // libssl's own words; empty if it had none
	code   uint64
}

// Error names the function and the reason.
func (e *LibraryError) Error() string {
	if e.Reason == "" {
		return e.Call + " failed without a reason"
	}
	return e.Call + ": " + e.Reason
}

// A packed error code has the library in 8 bits above 23 bits of reason
// (openssl/err.h). libssl's reasons from 1000 on are alerts of the peer.
const (
	reasonBits  = 23
	libraryMask = 0xff
	librarySSL  = 20
	firstAlert  = 1000
	lastAlert   = firstAlert + 255
)

func ofSSL(code uint64) bool { return code>>reasonBits&libraryMask == librarySSL }

// reason is libssl's, 0 if the error is not its own.
func (e *LibraryError) reason() uint64 {
	if !ofSSL(e.code) {
		return 0
	}
	return e.code & (1<<reasonBits - 1)
}

// orAlert is e, or the alert of the peer that e stands for.
func (e *LibraryError) orAlert() error {
	if r := e.reason(); r >= firstAlert && r <= lastAlert {
		return &net.OpError{Op: "remote error", Err: tls.AlertError(r - firstAlert)}
	}
	return e
}

// reasonOf takes the reason out of "error:0A0000C1:SSL routines::no shared cipher".
func reasonOf(text []byte) string {
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	fields := strings.SplitN(string(text), ":", 5)
	if len(fields) == 5 {
		return fields[4]
	}
	return string(text)
}

var (
	errSilent         = fmt.Errorf("the client left before its first octet: %w", io.ErrUnexpectedEOF)
	errShutdown       = errors.New("the connection was closed for writing")
	errNotReady       = errors.New("the handshake has not been completed")
	errRenegotiate    = errors.New("the peer asked for a renegotiation")
	errOutsideProfile = errors.New("libssl completed a handshake outside the profile")
	errUnverified     = errors.New("libssl completed a handshake that the verifier has not judged")
)
