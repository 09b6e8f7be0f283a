// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// Validate returns all that is missing or wrong in v for peers which use their
// certificates for peer, x509.ExtKeyUsageClientAuth or x509.ExtKeyUsageServerAuth: it
// would accept none of them, or says two things of their names. Endpoint and package
// tlsconfig/front ask it when they are built.
func (v *Verifier) Validate(peer x509.ExtKeyUsage) error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("Verifier."+format, args...)) }
	clients := peer == x509.ExtKeyUsageClientAuth
	if v.Pins.snapshot() == nil {
		refuse("Pins pin no CA, so no peer could be accepted")
	}
	if v.AllowAnyFQDN && (len(v.FQDNs) > 0 || !clients) {
		refuse("AllowAnyFQDN is for servers that name no FQDNs")
	}
	if clients && len(v.FQDNs) == 0 && !v.AllowAnyFQDN {
		refuse("FQDNs name no client, so no peer could be accepted")
	}
	for _, name := range v.FQDNs {
		if _, err := fqdn.Parse(name); err != nil {
			refuse("FQDNs: %w", err)
		}
	}
	switch r := v.Revocation.(type) {
	case nil:
		refuse("Revocation is nil, so no peer could be accepted")
	case interface{ Validate() error }: // such as *revocation.Checker
		if err := r.Validate(); err != nil {
			refuse("Revocation could accept no peer: %w", err)
		}
	}
	return errors.Join(errs...)
}
