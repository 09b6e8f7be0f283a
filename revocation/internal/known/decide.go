// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A Decision is a verdict and what it depends on.
type Decision struct {
	Verdict
	Subjects     []*crl.Subject // the certificate, and signers whose own status was asked about
	Read         []*crl.Subject // these, and those of whose keys it was asked whether they are to be trusted
	Behind       bool           // a delta CRL says that there is a later complete list than the known ones
	Verified     []*List        // that this path verified first
	Dependencies Dependencies
	Window       Window
}

// Decide says of path[0] what the set says at a time (RFC 5280 section 6.3.3).
// The path has been verified; issuers are further certificates that may have
// signed CRLs. Lists whose signer was not known are tried with these first. The
// error says that the certificate cannot be read.
func (s *Lists) Decide(path, issuers []*x509.Certificate, at, horizon time.Time) (*Decision, error) {
	d, verified := s.decision(path, issuers, at, horizon)
	v, err := d.status(path)
	if err != nil {
		return nil, err
	}
	return &Decision{Verdict: *v, Subjects: d.asked, Read: d.subjects, Behind: d.behind, Verified: verified, Dependencies: d.dependencies, Window: d.window}, nil
}

// status decides about path[0].
func (d *decision) status(path []*x509.Certificate) (*Verdict, error) {
	subject, err := d.subject(path[0])
	if err != nil {
		return nil, err
	}
	d.examined = append(d.examined, path[0])
	defer func() { d.examined = d.examined[:len(d.examined)-1] }()
	if !slices.Contains(d.asked, subject) {
		d.asked = append(d.asked, subject)
	}
	all, errs := d.authoritative(subject, path)
	var statements []statement
	var clear []*clearance
	for _, s := range all {
		revoked, cleared := d.consult(s, subject)
		statements = append(statements, revoked...)
		d.behind = d.behind || d.outrun(s)
		if cleared == nil {
			if len(revoked) == 0 {
				errs = append(errs, d.whyNot(s))
			}
			continue
		}
		why := d.mayClear(s, s.speakers, path)
		switch {
		case !s.clears:
			errs = append(errs, listError(cleared.list, der.ErrScope, "it has no issuingDistributionPoint, and the certificate does not name its URL"))
		case why != nil:
			errs = append(errs, listError(cleared.list, der.ErrSignature, "its signer is not verified: "+why.Error()))
		default:
			clear = append(clear, cleared)
		}
		if !cleared.current {
			errs = append(errs, listError(cleared.list, der.ErrExpired, expiredAt(cleared)))
		}
	}
	if st, ok := d.standing(statements, clear, path); ok {
		return &Verdict{Status: StatusRevoked, Entry: st.entry, List: st.list.List,
			ThisUpdate: st.list.ThisUpdate(), NextUpdate: st.list.NextUpdate()}, nil
	}
	return conclude(clear, errs), nil
}

func expiredAt(c *clearance) string {
	if c.nextUpdate.IsZero() {
		return "it has no nextUpdate"
	}
	return "its nextUpdate was " + c.nextUpdate.Format(time.RFC3339)
}

// whyNot says why a series with no list that lists the certificate does not clear
// it either.
func (d *decision) whyNot(s *series) error {
	l := s.any()
	if l.IsDelta() {
		return listError(l, der.ErrScope, "it is a delta CRL, and the complete CRL that it updates is missing")
	}
	return listError(l, der.ErrNotYetValid, "its thisUpdate is "+l.ThisUpdate().Format(time.RFC3339))
}

// outrun reports whether a delta CRL that counts has a later base than every
// complete list of the series.
func (d *decision) outrun(s *series) bool {
	return slices.ContainsFunc(s.deltas, func(delta *List) bool {
		return d.begun(delta) && !d.deltaSuperseded(s, delta) && !slices.ContainsFunc(s.completes, func(l *List) bool {
			return crl.CompareNumbers(l.Number(), delta.Base()) >= 0
		})
	})
}

// mayClear returns nil if a list of the series clears a certificate: its key is
// the one that issued the certificate, that of a self-issued certificate of the
// path or that of one of Issuers, is not tainted, and its certificate is not
// revoked.
func (d *decision) mayClear(s *series, speakers, path []*x509.Certificate) error {
	if d.tainted(s.key, path) {
		return errors.New("its signer's key is revoked")
	}
	var errs []error
	for _, cert := range speakers {
		switch {
		case s.key == KeyOf(path[1]) && contains(path, cert), contains(path[1:], cert) && bytes.Equal(cert.RawSubject, cert.RawIssuer):
			return nil
		case !contains(d.issuers, cert):
			errs = append(errs, errors.New("its signer did not issue the certificate and is not one of Issuers"))
			continue
		}
		err := d.unrevoked(cert, path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, errNoneMayClear)...)
}

var errNoneMayClear = errors.New("no certificate of its key may clear")

// maxSignerDepth bounds how many CRL issuers may in turn need a CRL by another.
const maxSignerDepth = 4

// unrevoked returns nil for a certificate of the path, whose own revocation the
// caller asks about as far as its policy goes. Any other has to be good itself,
// and so has each certificate of its chain.
//
// A certificate that is being asked about counts as good meanwhile, so that a CRL
// may clear its own signer, as it does where a CRL issuer's certificate names
// that issuer's CRL. A CRL that lists its own signer still proves nothing.
func (d *decision) unrevoked(cert *x509.Certificate, path []*x509.Certificate) error {
	if contains(path, cert) || contains(d.examined, cert) {
		return nil
	}
	if len(d.examined) > maxSignerDepth {
		return errors.New("too many CRL issuers depend on one another")
	}
	chains := d.chains(cert, path, d.at)
	if len(chains) == 0 {
		return errors.New("its signer has no valid chain to the root of the certificate")
	}
	var errs []error
	for _, chain := range chains {
		err := d.unrevokedChain(chain, path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, errNoneMayClear)...)
}

// unrevokedChain asks about each certificate of a CRL issuer's chain that is not on
// the path, from the trust anchor down.
func (d *decision) unrevokedChain(chain, path []*x509.Certificate) error {
	for i := len(chain) - 2; i >= 0; i-- {
		if contains(path, chain[i]) || contains(d.examined, chain[i]) {
			continue
		}
		v, err := d.status(chain[i:])
		switch {
		case err != nil:
			return err
		case v.Status == StatusRevoked:
			return fmt.Errorf("certificate %x of %q was revoked at %s (%s) according to %s", chain[i].SerialNumber, chain[i].Subject.String(),
				v.Entry.Time.UTC().Format(time.RFC3339), v.Entry.Reason, v.List.Source())
		case v.Status != StatusGood:
			return errors.Join(append([]error{fmt.Errorf("nothing says that certificate %x of %q is not revoked", chain[i].SerialNumber, chain[i].Subject.String())}, v.Errs...)...)
		}
	}
	return nil
}
