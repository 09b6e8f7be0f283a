// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"
)

// A Source answers whether one certificate is revoked. It must be safe for
// concurrent use. Status should return when ctx ends: a Checker waits for it no more than
// 0.1 s longer. No more than 1,000 calls that were left then are to go on at once; one
// source may have half of what the others leave, about one certificate a third, and is not
// asked when it has. One that has a method HonoursContext() bool which returns true is
// called without the goroutine that this takes, which is quicker.
//
// An error means that the source has no answer about the certificate; it never
// means that the certificate is good, and the Answer beside it counts for
// nothing, but for one case: when all that is wrong with what the source knows
// is that it has expired, the source returns that Answer together with an
// error of the kind ErrExpired. A Checker then still refuses on Revoked, and
// takes Good for what Policy.MaxStale says. A source that would rather ask
// again does so first, and returns the expired Answer only if that brought
// nothing newer; it may join the reason to the error.
type Source interface {
	Status(ctx context.Context, q Query) (Answer, error)
}

// A Query asks about Path[0], the certificate in question.
type Query struct {
	// Path leads from the certificate in question over its issuer to a trusted
	// root. It has been verified: signatures, names and validity.
	Path []*x509.Certificate

	// At is the time for which the answer must hold.
	At time.Time

	// Stapled is the OCSP response (DER) that the peer sent in the handshake
	// about Path[0], nil if it sent none. It is not trusted.
	Stapled []byte
}

// An Answer is what one source says. The zero value is Unspecified and never
// taken for good.
type Answer struct {
	Status     Status
	Revocation *RevokedError // set if Status is Revoked
	ThisUpdate time.Time
	NextUpdate time.Time // zero: the source named none

	// For the record only; no decision depends on them.
	Source string // URL of the CRL or responder, "stapled" or "added"
	Cached bool   // known from before: nothing was fetched for this answer
}

// A RevokedError says that a source holds the certificate for revoked.
type RevokedError struct {
	Cert   *x509.Certificate
	Serial *big.Int
	Reason Reason
	Time   time.Time // revocationDate
	Source string    // URL of the CRL or responder, "stapled" or "added"
}

func (e *RevokedError) Error() string {
	return fmt.Sprintf("certificate %x%s was revoked at %s (%s) according to %s",
		e.Serial, whose(e.Cert), e.Time.UTC().Format(time.RFC3339), e.Reason, where(e.Source))
}

// Revoked returns Cert. It tells a revoked certificate from one whose status is
// unknown to packages that do not import this one.
func (e *RevokedError) Revoked() *x509.Certificate { return e.Cert }

// Status is a certificate's state according to a source.
type Status int

// The states of a certificate. Only Good lets a certificate pass.
const (
	Unspecified Status = iota
	Good
	Revoked
)

// String returns "unspecified", "good" or "revoked".
func (s Status) String() string {
	switch s {
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	}
	return "unspecified"
}
