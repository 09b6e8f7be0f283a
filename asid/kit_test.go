// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// The systems of these tests: a provider of two organisations that maintains
// its pointers and reads, and a consumer at another host.
var (
	nrl      = asid.MustParseID("999999999999")
	provider = asid.System{
		ASID:  asid.MustParseID("200000000205"),
		ODS:   []asid.ODSCode{ods("RR8"), ods("RGD")},
		FQDNs: []string{"nrl-rr8.supplier.thirdparty.nhs.uk", "standby.supplier.thirdparty.nhs.uk"},
		Interactions: []asid.InteractionID{
			asid.DocumentReferenceRead, asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete,
		},
	}
	consumer = asid.System{
		ASID:         asid.MustParseID("928942012545"),
		ODS:          []asid.ODSCode{ods("AMS01")},
		FQDNs:        []string{"consumer.thirdparty.nhs.uk"},
		Interactions: []asid.InteractionID{asid.DocumentReferenceRead, asid.DocumentReferenceSearch, asid.DocumentReferenceContentRead},
	}
)

func ods(s string) asid.ODSCode {
	code, err := asid.ParseODSCode(s)
	if err != nil {
		panic(err)
	}
	return code
}

func registry(t testing.TB) *asid.Memory {
	t.Helper()
	m, err := asid.NewMemory(provider, consumer)
	require.NoError(t, err)
	return m
}

// certificate returns what a parsed certificate of the Spine's has to say about
// names: the FQDN in the common name and no subjectAltName. What a certificate's
// bytes can do to its names is tested with tlsconfig and internal/fqdn.
func certificate(commonNames ...string) *x509.Certificate {
	c := &x509.Certificate{}
	for _, name := range commonNames {
		c.Subject.Names = append(c.Subject.Names, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: name})
	}
	return c
}

// withSAN returns a certificate with dNSNames.
func withSAN(names ...string) *x509.Certificate {
	c := certificate("the-common-name.does-not-count.nhs.uk")
	c.DNSNames = names
	c.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}}}
	return c
}

func names(t testing.TB, cert *x509.Certificate) asid.Names {
	t.Helper()
	n, err := asid.NamesOf(cert)
	require.NoError(t, err)
	return n
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serve returns what handler answers.
func serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// requestError returns the refusal in err.
func requestError(t testing.TB, err error) *asid.RequestError {
	t.Helper()
	var refused *asid.RequestError
	require.ErrorAs(t, err, &refused)
	return refused
}
