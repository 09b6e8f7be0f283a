// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// An UnknownError says that no source answered good about the certificate. Unwrap
// gives each source's reason.
type UnknownError struct {
	Cert *x509.Certificate
	Errs []error
}

func (e *UnknownError) Error() string {
	text := "revocation status unknown"
	if e.Cert != nil && e.Cert.SerialNumber != nil {
		text = fmt.Sprintf("revocation status of certificate %x%s unknown", e.Cert.SerialNumber, whose(e.Cert))
	}
	if reasons := oneLine(e.Errs...); reasons != "" {
		text += ": " + reasons
	}
	return text
}

// Unwrap returns each source's reason.
func (e *UnknownError) Unwrap() []error { return e.Errs }

// A CRLError says why one CRL proves nothing; errors.Is finds its kind.
type CRLError struct {
	Source string // URL or file, "added" or "cache"; empty: the error is about all CRLs that are known
	Err    error  // ErrMalformed, ErrSignature, ErrScope, ErrExpired, ErrNotYetValid, ErrUnhandledCritical or ErrTooLarge
	Detail string
}

func (e *CRLError) Error() string { return describe("CRL", e.Source, e.Err, e.Detail) }

// Unwrap returns the kind of failure.
func (e *CRLError) Unwrap() error { return e.Err }

// An OCSPError says why one OCSP response proves nothing; errors.Is finds its
// kind.
type OCSPError struct {
	Source string // URL, "stapled" or "added"
	Err    error  // as CRLError, or ErrResponder, ErrTooLarge or ErrNoSource
	Detail string
}

func (e *OCSPError) Error() string { return describe("OCSP response", e.Source, e.Err, e.Detail) }

// Unwrap returns the kind of failure.
func (e *OCSPError) Unwrap() error { return e.Err }

func describe(what, source string, kind error, detail string) string {
	text := what
	if source != "" {
		text += " from " + where(source)
	}
	if kind != nil {
		text += ": " + oneLine(kind)
	}
	if detail != "" {
		text += ": " + escape(detail)
	}
	return text
}

// A FetchError is a request that brought no answer.
type FetchError struct {
	URL        string
	StatusCode int           // zero: no response
	RetryAfter time.Duration // as the server asked for; zero: it did not
	Err        error
}

func (e *FetchError) Error() string {
	text := "fetching " + where(e.URL)
	if e.StatusCode != 0 {
		text += fmt.Sprintf(": HTTP status %d", e.StatusCode)
	}
	if e.Err != nil {
		text += ": " + oneLine(e.Err)
	}
	return text
}

// Unwrap returns the cause, nil if the status code says it all.
func (e *FetchError) Unwrap() error { return e.Err }

// Kinds of failure, for errors.Is.
var (
	// ErrNoSource: the certificate names nothing to ask and nothing was added.
	ErrNoSource = errors.New("no source of revocation information")
	// ErrMalformed: not strict DER of what it should be.
	ErrMalformed = der.ErrMalformed
	// ErrSignature: the signature does not verify, or its signer must not sign.
	ErrSignature = der.ErrSignature
	// ErrScope: not authoritative for the certificate: another issuer,
	// partition, set of reasons or kind of certificate.
	ErrScope = der.ErrScope
	// ErrExpired: nextUpdate, or the maximum age where there is none, has passed.
	ErrExpired = der.ErrExpired
	// ErrNotYetValid: thisUpdate lies in the future.
	ErrNotYetValid = der.ErrNotYetValid
	// ErrUnhandledCritical: a critical extension that is not processed.
	ErrUnhandledCritical = der.ErrUnhandledCritical
	// ErrResponder: not an authorised responder, or it answered with an error
	// status or "unknown".
	ErrResponder = der.ErrResponder
	// ErrHostNotAllowed: the host policy refuses the URL, or the address that
	// its host resolves to.
	ErrHostNotAllowed = errors.New("host not allowed")
	// ErrTooLarge: longer than the limit.
	ErrTooLarge = der.ErrTooLarge
)

// crlError makes a *CRLError of an error of the internal packages.
func crlError(source string, err error) error {
	if of, ok := errors.AsType[*known.ListError](err); ok {
		source = of.Source
	}
	if e, ok := errors.AsType[*der.Error](err); ok {
		return &CRLError{Source: source, Err: e.Kind, Detail: e.Detail}
	}
	return &CRLError{Source: source, Err: ErrMalformed, Detail: err.Error()}
}

// fetchFailure makes a *FetchError of a failure that is of no type of its own.
func fetchFailure(url string, err error) error {
	if _, ok := errors.AsType[*FetchError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*CRLError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*OCSPError](err); ok {
		return err
	}
	return &FetchError{URL: url, Err: err}
}

// joinOnce joins errors, each text once.
func joinOnce(errs []error) error {
	seen := map[string]bool{}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		text := fmt.Sprint(err)
		if seen[text] {
			return true
		}
		seen[text] = true
		return false
	})...)
}

// ocspError makes an *OCSPError of an error of the internal packages.
func ocspError(source string, err error) error {
	if already, ok := errors.AsType[*OCSPError](err); ok {
		return already
	}
	if of, ok := errors.AsType[*known.AnswerError](err); ok {
		source = of.Source
	}
	if e, ok := errors.AsType[*der.Error](err); ok {
		return &OCSPError{Source: source, Err: e.Kind, Detail: e.Detail}
	}
	return &OCSPError{Source: source, Err: ErrMalformed, Detail: err.Error()}
}
