// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// othersWhy says why the lists that do not count for a certificate do not. otherwise
// says that there is another reason for it not to be decided about.
func othersWhy(lists *known.Lists, issuers []*x509.Certificate, q *Query, subject *crl.Subject, otherwise bool) (errs []error) {
	verified, unverified, any := lists.OfIssuer(subject.Issuer)
	for _, l := range unverified {
		errs = append(errs, whyUnverified(l, subject, q, issuers))
	}
	const enough = 4
	for _, l := range verified[:min(len(verified), enough)] {
		if _, why := known.Covers(l.List, subject); why != "" {
			errs = append(errs, &CRLError{Source: l.Source(), Err: ErrScope, Detail: why})
		}
	}
	switch {
	case len(verified)+len(unverified) > 0 || !any && otherwise:
	case !any:
		errs = append(errs, ErrNoSource)
	default:
		errs = append(errs, &CRLError{Err: ErrScope, Detail: "of those that are known, none is of the certificate's issuer"})
	}
	return errs
}

// whyUnverified says why a list whose signer is not known does not count.
func whyUnverified(l *known.List, subject *crl.Subject, q *Query, issuers []*x509.Certificate) error {
	_, why := known.Covers(l.List, subject)
	switch {
	case why != "":
	case l.IsDelta():
		why = deltaAlone
	case q.At.Before(l.ThisUpdate().Add(-clockTolerance)):
		return &CRLError{Source: l.Source(), Err: ErrNotYetValid, Detail: "its thisUpdate is " + l.ThisUpdate().Format(time.RFC3339)}
	default:
		why = "it does not verify with a key of its issuer"
		if !slices.ContainsFunc(slices.Concat(q.Path, issuers), l.MaySign) {
			why = "no known certificate is its issuer's and allows CRLs to be signed"
		}
		return &CRLError{Source: l.Source(), Err: ErrSignature, Detail: why}
	}
	return &CRLError{Source: l.Source(), Err: ErrScope, Detail: why}
}

const deltaAlone = "it is a delta CRL, and the complete CRL that it updates is missing"
