// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"context"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Endpoint returns an end with a certificate for fqdn, which accepts peers with
// one of the given names and asks Checker about them. A client may leave peers
// out and is then bound to the name that it dials.
func (p *PKI) Endpoint(fqdn string, peers ...string) *tlsconfig.Endpoint {
	return &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(p.Issue(fqdn)),
		Verifier:    tlsconfig.Verifier{Pins: p.Pins(), FQDNs: peers, Revocation: p.Checker(), Time: p.Now},
	}
}

// Checker returns a Checker that asks this PKI, by OCSP where the certificate
// names a responder and by CRL else. It keeps no answer, so that what is revoked
// is refused from the next handshake on.
func (p *PKI) Checker() *revocation.Checker {
	return &revocation.Checker{Sources: []revocation.Source{freshOCSP{p}, freshCRLs{p}}, Time: p.Now}
}

// freshOCSP and freshCRLs are Sources that forget.
type (
	freshOCSP struct{ pki *PKI }
	freshCRLs struct{ pki *PKI }
)

// Status implements revocation.Source.
func (s freshOCSP) Status(ctx context.Context, q revocation.Query) (revocation.Answer, error) {
	return (&revocation.OCSP{Fetcher: s.pki.fetcher, Time: s.pki.Now}).Status(ctx, q)
}

// Status implements revocation.Source.
func (s freshCRLs) Status(ctx context.Context, q revocation.Query) (revocation.Answer, error) {
	return (&revocation.CRLs{Fetcher: s.pki.fetcher, Time: s.pki.Now}).Status(ctx, q)
}
