// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"context"
	"crypto/x509"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// ask has the distribution points of the SubCAs and Certificates looked after, and
// does not wait.
func (k *Keeper) ask() {
	roots := k.Pins.Roots()
	for _, ca := range k.Pins.SubCAs() {
		root := issuerOf(ca, roots)
		if root == nil {
			continue
		}
		_, _ = k.status(ca, root)
		for _, cert := range k.Certificates {
			if issuerOf(cert, []*x509.Certificate{ca}) != nil {
				_, _ = k.status(cert, ca, root)
			}
		}
	}
}

// status asks about a certificate, by its path to the root, and does not wait.
func (k *Keeper) status(path ...*x509.Certificate) (revocation.Answer, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return k.CRLs.Status(ctx, revocation.Query{Path: path, At: k.now()})
}

// revoked reports whether a SubCA is known to be revoked.
func (k *Keeper) revoked(ca, root *x509.Certificate) bool {
	answer, err := k.status(ca, root)
	return err == nil && answer.Status == revocation.Revoked
}

// pinned returns Pins as they are now, for a step whose lists and problems go by the same.
func (k *Keeper) pinned() *tlsconfig.Pins {
	pins := new(tlsconfig.Pins)
	pins.Replace(k.Pins)
	return pins
}

// known returns the lists of the pinned CAs, which the Cache is asked for, too.
func (k *Keeper) known(pins *tlsconfig.Pins) []revocation.List {
	return k.CRLs.Lists(slices.Concat(pins.SubCAs(), pins.Roots())...)
}

// gather has the distribution points looked after and returns the lists that are known.
// all says that nothing is missing: every look had ended once before the lists were read,
// and what these name, further points and further keys of the Cache, is looked after
// already.
func (k *Keeper) gather(pins *tlsconfig.Pins) (known []revocation.List, all bool) {
	k.ask()
	before := k.CRLs.Looks()
	known = k.known(pins)
	k.ask()
	ended := !slices.ContainsFunc(before, func(l revocation.Look) bool { return l.Last.IsZero() && l.Err == nil })
	return known, ended && len(k.CRLs.Looks()) == len(before)
}

// issuerOf returns the CA that issued a certificate, nil if none of them did.
func issuerOf(cert *x509.Certificate, cas []*x509.Certificate) *x509.Certificate {
	for _, ca := range cas {
		if string(cert.RawIssuer) == string(ca.RawSubject) && cert.CheckSignatureFrom(ca) == nil {
			return ca
		}
	}
	return nil
}
