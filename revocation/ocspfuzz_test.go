// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// FuzzOCSPResponse: the reader never panics, and whatever it accepts,
// x/crypto/ocsp reads in the same way.
func FuzzOCSPResponse(f *testing.F) {
	p := newOCSPPKI(f)
	several := p.good()
	several.Answers = append(several.Answers, p.answer(ocsp.Unknown), p.answer(ocsp.Revoked))
	several.Answers[1].Serial, several.Answers[2].Serial = big.NewInt(1), big.NewInt(2)
	byKey := p.good()
	byKey.ByKey = true
	for _, r := range []*revocationtest.OCSPResponse{p.good(), p.responder.by(p.good()), several, byKey, fullOCSP(p)} {
		f.Add(r.DER())
	}
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, der []byte) {
		reading, err := revocation.ReadOCSP(der)
		if err != nil {
			var e *revocation.OCSPError
			require.ErrorAs(t, err, &e)
			require.Error(t, e.Err)
			return
		}
		// Without the certificates and their signatures, which it would look
		// at; the reader does not.
		plain := withoutCertificates(t, der)
		for _, answer := range reading.Answers {
			serial := new(big.Int).SetBytes(answer.Serial)
			first := reading.Answers[firstWith(reading, answer.Serial)]
			if !first.KnownHash {
				continue // refused there, passed over here
			}
			peer, err := ocsp.ParseResponseForCert(plain, &x509.Certificate{SerialNumber: serial}, nil)
			if reading.ByName != nil && err == ocsp.ParseError("invalid responder name") {
				continue // here it has to be that of a certificate, byte by byte
			}
			require.NoError(t, err)
			require.Equal(t, first.Status, peer.Status)
			require.Equal(t, serial, peer.SerialNumber)
			require.True(t, first.ThisUpdate.Equal(peer.ThisUpdate))
			require.True(t, first.NextUpdate.Equal(peer.NextUpdate))
			require.True(t, reading.ProducedAt.Equal(peer.ProducedAt))
			require.Equal(t, reading.ByName, peer.RawResponderName)
			require.Equal(t, reading.ByKey, peer.ResponderKeyHash)
			if first.Status == ocsp.Revoked {
				require.True(t, first.RevokedAt.Equal(peer.RevokedAt))
				require.EqualValues(t, first.Reason, peer.RevocationReason)
			}
		}
	})
}

func withoutCertificates(t *testing.T, der []byte) []byte {
	input := cryptobyte.String(der)
	var response, wrapped, typed, oid, octets, basic, tbs, algorithm, signature cryptobyte.String
	var status int
	require.True(t, input.ReadASN1(&response, cbasn1.SEQUENCE) && response.ReadASN1Enum(&status) &&
		response.ReadASN1(&wrapped, cbasn1.Tag(0).ContextSpecific().Constructed()) &&
		wrapped.ReadASN1(&typed, cbasn1.SEQUENCE) && typed.ReadASN1Element(&oid, cbasn1.OBJECT_IDENTIFIER) &&
		typed.ReadASN1(&octets, cbasn1.OCTET_STRING) && octets.ReadASN1(&basic, cbasn1.SEQUENCE) &&
		basic.ReadASN1Element(&tbs, cbasn1.SEQUENCE) && basic.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) &&
		basic.ReadASN1Element(&signature, cbasn1.BIT_STRING))
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(int64(status))
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(oid)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(tbs)
						b.AddBytes(algorithm)
						b.AddBytes(signature)
					})
				})
			})
		})
	})
	return b.BytesOrPanic()
}

// firstWith returns the first answer about the serial number, which is the
// only one that x/crypto/ocsp looks at.
func firstWith(reading *revocation.OCSPReading, serial []byte) int {
	for i, answer := range reading.Answers {
		if string(answer.Serial) == string(serial) {
			return i
		}
	}
	return -1
}
