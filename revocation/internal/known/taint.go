// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A KeyStatus says whether a key is to be trusted, and what that depends on.
type KeyStatus struct {
	Tainted      bool
	Read         []*crl.Subject // the key's certificates
	Verified     []*List        // that the path verified first
	Dependencies Dependencies
	Window       Window
}

// IssuerKey says whether the key of path[1] is to be trusted: it is tainted if a list
// signed with another key lists a certificate of it, of the path or of issuers, for a
// reason that says so. Lists whose signer was not known are tried first.
func (s *Lists) IssuerKey(path, issuers []*x509.Certificate, at, horizon time.Time) *KeyStatus {
	d, verified := s.decision(path, issuers, at, horizon)
	tainted := d.tainted(KeyOf(path[1]), path)
	return &KeyStatus{Tainted: tainted, Read: d.subjects, Verified: verified, Dependencies: d.dependencies, Window: d.window}
}

// tainted reports whether a list signed with another key lists a certificate of
// the key for a reason that says that the key is not to be trusted. It is asked
// without the rules by which one series removes what another says.
func (d *decision) tainted(key Key, path []*x509.Certificate) bool {
	if tainted, known := d.taint[key]; known {
		return tainted
	}
	d.taint[key] = false // while it is being found out
	tainted := slices.ContainsFunc(d.signers(path), func(cert *x509.Certificate) bool {
		return KeyOf(cert) == key && d.accused(cert, key, path)
	})
	d.taint[key] = tainted
	return tainted
}

// accused reports whether a list of another key than the certificate's says that
// its key is not to be trusted.
func (d *decision) accused(cert *x509.Certificate, key Key, path []*x509.Certificate) bool {
	subject, err := d.subject(cert)
	if err != nil {
		return false
	}
	for _, s := range d.about(subject, path) {
		if s.key == key {
			continue
		}
		revoked, _ := d.consult(s, subject)
		if slices.ContainsFunc(revoked, func(st statement) bool { return distrusts(st.entry) }) {
			return true
		}
	}
	return false
}

func distrusts(e crl.Entry) bool { return Distrusts(e.Reason) }

// Distrusts reports whether a revocation for a reason says that the certificate's
// key is not to be trusted.
func Distrusts(reason der.Reason) bool {
	switch reason {
	case der.ReasonKeyCompromise, der.ReasonCACompromise, der.ReasonAACompromise, der.ReasonUnspecified:
		return true
	}
	return false
}
