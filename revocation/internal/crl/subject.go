// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"crypto/x509"
	encodingasn1 "encoding/asn1"
	"fmt"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// The certificate extensions that name CRLs.
var (
	idCRLDistributionPoints = encodingasn1.ObjectIdentifier{2, 5, 29, 31}
	idFreshestCRL           = encodingasn1.ObjectIdentifier{2, 5, 29, 46}
)

// A Subject is a certificate as the search for its CRLs sees it.
type Subject struct {
	Cert   *x509.Certificate
	Issuer string  // normal form of the issuer's name
	Points []Point // that it names
	Fresh  []Point // of its freshestCRL extension

	serial []byte // content octets
}

// NewSubject reads what the search needs of a certificate. The error is of the
// kind der.ErrMalformed.
func NewSubject(cert *x509.Certificate) (*Subject, error) {
	s := &Subject{Cert: cert, serial: der.IntegerContent(cert.SerialNumber)}
	var ok bool
	if s.Issuer, ok = der.NormalName(cert.RawIssuer); !ok || s.Issuer == "" {
		return nil, fmt.Errorf("%w: issuer of the certificate", der.ErrMalformed)
	}
	for _, extension := range cert.Extensions {
		switch {
		case extension.Id.Equal(idCRLDistributionPoints):
			if s.Points, ok = readPoints(extension.Value); !ok {
				return nil, fmt.Errorf("%w: cRLDistributionPoints of the certificate", der.ErrMalformed)
			}
		case extension.Id.Equal(idFreshestCRL):
			if s.Fresh, ok = readPoints(extension.Value); !ok {
				return nil, fmt.Errorf("%w: freshestCRL of the certificate", der.ErrMalformed)
			}
		}
	}
	return s, nil
}
