// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"crypto/x509"
	"errors"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// Names are the FQDNs that one certificate speaks for. The zero Names are none.
type Names struct {
	fqdns []string
	cert  *x509.Certificate // for systems that are bound by a fingerprint; nil: those are not
}

// NamesOf returns the names of a peer's leaf: its dNSNames, or its only common
// name if it has no subjectAltName extension at all. That it is a Spine
// certificate is tlsconfig's to verify. The error is a [*RequestError].
func NamesOf(cert *x509.Certificate) (Names, error) {
	if cert == nil {
		return Names{}, &RequestError{Rule: RuleBinding, Detail: missing, Err: errNoCertificate}
	}
	fqdns, err := fqdn.FromCertificate(cert)
	if err != nil {
		return Names{}, &RequestError{Rule: RuleBinding, Detail: "speaks for no name: " + err.Error(), Err: err}
	}
	return Names{fqdns, cert}, nil
}

// String returns the names, joined by commas.
func (n Names) String() string { return strings.Join(n.fqdns, ",") }

var errNoCertificate = errors.New("the connection has no client certificate")
