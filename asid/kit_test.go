package asid_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// certificate returns what a parsed certificate of the Spine's has to say about
// names: the FQDN in the common name and no subjectAltName. What a certificate's
// bytes can do to its names is tested with tlsconfig and internal/fqdn.
func certificate(fqdn string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{
		CommonName: fqdn,
		Names:      []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: fqdn}},
	}}
}
