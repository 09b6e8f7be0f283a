// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// compromised returns the root's CRL that lists the other certificate of the CA's
// key, which the CA had before.
func (p *ocspPKI) compromised(t *testing.T, reason revocation.Reason) (earlier *x509.Certificate, list []byte) {
	template := ocspCA("SubCA")
	template.SerialNumber = big.NewInt(9)
	return ocspIssue(t, template, p.ca.key, p.root).cert, revocationtest.CRL{
		Issuer: p.root.cert, Key: p.root.key, ThisUpdate: ocspNow.Add(-time.Hour), NextUpdate: ocspNow.Add(time.Hour),
		Entries: []revocationtest.Entry{{Serial: template.SerialNumber, Reason: reason}},
	}.DER()
}

// What a key has signed clears nothing once a CRL says that the key is compromised,
// whichever of its certificates that is about.
func TestCompromisedKeyOfACAClearsNothingByOCSP(t *testing.T) {
	for reason, want := range map[revocation.Reason]error{
		revocation.ReasonKeyCompromise: revocation.ErrResponder,
		revocation.ReasonCACompromise:  revocation.ErrResponder,
		revocation.ReasonUnspecified:   revocation.ErrResponder,
		revocation.ReasonSuperseded:    nil,
	} {
		t.Run(reason.String(), func(t *testing.T) {
			p := newOCSPPKI(t)
			earlier, list := p.compromised(t, reason)
			file := filepath.Join(t.TempDir(), "root.crl")
			require.NoError(t, os.WriteFile(file, list, 0o600))
			cache := &memoryCache{}
			another := &revocation.CRLs{Cache: cache, Issuers: []*x509.Certificate{p.root.cert}}
			require.NoError(t, another.Add(list))
			require.Eventually(t, func() bool { return cache.members() > 0 }, 30*time.Second, time.Millisecond)
			for from, crls := range map[string]*revocation.CRLs{"added": {}, "file": {Files: []string{file}}, "Cache": {Cache: cache}} {
				crls.Issuers = []*x509.Certificate{earlier}
				if from == "added" {
					require.NoError(t, crls.Add(list))
				}
				s := &revocation.OCSP{ResponderStatus: crls, Time: clock}
				for range 2 { // the second answer may be a cached one
					a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: p.good().DER()})
					if want != nil {
						require.ErrorIs(t, err, want, from)
						assert.Equal(t, revocation.Answer{}, a)
						continue
					}
					require.NoError(t, err)
					assert.Equal(t, revocation.Good, a.Status)
				}
				bad := p.good()
				bad.Answers[0] = p.answer(ocsp.Revoked)
				a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: bad.DER()})
				require.NoError(t, err)
				assert.Equal(t, revocation.Revoked, a.Status, "it still revokes")
			}
		})
	}
}

func TestCAKeyThatTurnsOutToBeCompromisedEndsAGoodOCSPAnswer(t *testing.T) {
	p := newOCSPPKI(t)
	earlier, list := p.compromised(t, revocation.ReasonKeyCompromise)
	crls := &revocation.CRLs{Issuers: []*x509.Certificate{earlier}, Time: clock}
	s := &revocation.OCSP{ResponderStatus: crls, Time: clock}
	q := revocation.Query{Path: p.path(), At: ocspNow, Stapled: p.good().DER()}
	for range 2 {
		a, err := s.Status(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
	}
	require.NoError(t, crls.Add(list))
	_, err := s.Status(t.Context(), q)
	require.ErrorIs(t, err, revocation.ErrResponder)
	assert.ErrorContains(t, err, "the key of the CA is revoked")
}

// The CA above may say so by OCSP, too.
func TestCAAboveSaysByOCSPThatAKeyIsCompromised(t *testing.T) {
	p := newOCSPPKI(t)
	for reason, want := range map[revocation.Reason]error{
		revocation.ReasonKeyCompromise: revocation.ErrResponder, revocation.ReasonSuperseded: nil,
	} {
		about := &revocationtest.OCSPResponse{
			Issuer: p.root.cert, Key: p.root.key, ProducedAt: ocspNow.Add(-time.Hour),
			Answers: []revocationtest.SingleResponse{p.answer(ocsp.Revoked)},
		}
		about.Answers[0].Serial, about.Answers[0].Reason = p.ca.cert.SerialNumber, reason
		s := &revocation.OCSP{Time: clock}
		a, err := s.Status(t.Context(), revocation.Query{Path: p.path()[1:], At: ocspNow, Stapled: about.DER()})
		require.NoError(t, err)
		require.Equal(t, revocation.Revoked, a.Status)
		_, err = s.Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: p.good().DER()})
		require.ErrorIs(t, err, want)
	}
}

func TestOCSPRefusesAPathWithAGap(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{ResponderStatus: &revocation.CRLs{}, Time: clock}
	_, err := s.Status(t.Context(), revocation.Query{Path: append(p.path(), nil), At: ocspNow, Stapled: p.good().DER()})
	require.ErrorIs(t, err, revocation.ErrScope)
}
