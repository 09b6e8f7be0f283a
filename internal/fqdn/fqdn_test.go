// SPDX-License-Identifier: Apache-2.0

package fqdn_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

func TestNamesAreHostNames(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label, label[:61]}, ".")
	require.Len(t, long, 253)
	for name, want := range map[string]string{
		"msg.int.spine2.ncrs.nhs.uk": "msg.int.spine2.ncrs.nhs.uk",
		"MSG.Int.Spine2.NCRS.nhs.UK": "msg.int.spine2.ncrs.nhs.uk",
		"nrl-rr8.nhs.uk":             "nrl-rr8.nhs.uk",
		"1.2.nhs.uk":                 "1.2.nhs.uk",
		"localhost":                  "localhost",
		"xn--bcher-kva.nhs.uk":       "xn--bcher-kva.nhs.uk",
		long:                         long,
	} {
		got, err := fqdn.Parse(name)
		require.NoError(t, err, "%q", name)
		require.Equal(t, want, got)
	}
	for _, name := range []string{
		"", ".", "..", "a..b", ".a.nhs.uk", "a.nhs.uk.", "*.nhs.uk", "*", "a*.nhs.uk", "a.*.uk",
		"-a.nhs.uk", "a-.nhs.uk", "a.-", "a_b.nhs.uk", "a b.nhs.uk", " a.nhs.uk", "a.nhs.uk\n", "a.nhs.uk\x00", "a\x00.nhs.uk",
		"bücher.nhs.uk", "a.nhs.u\u212a", "mſg.nhs.uk", "a。nhs.uk",
		"10.0.0.1", "0x7f.1", "127.1", "1", "::1", "[::1]", "fe80::1%lo", "a.nhs.uk:443", "https://a.nhs.uk", "a/b",
		label + "a.nhs.uk", long + "a",
	} {
		_, err := fqdn.Parse(name)
		require.Error(t, err, "%q", name)
	}
}

func TestNamesAreEqualWithoutCaseInASCIIOnly(t *testing.T) {
	for _, equal := range [][2]string{{"", ""}, {"a.nhs.uk", "A.NHS.UK"}, {"a-1", "a-1"}} {
		require.True(t, fqdn.Equal(equal[0], equal[1]), "%q", equal)
	}
	for _, different := range [][2]string{
		{"a", ""}, {"a.nhs.uk", "a.nhs.uk."}, {"k", "\u212a"}, {"s", "ſ"}, {"\u00e4", "\u00c4"}, {"@", "`"}, {"[", "{"},
	} {
		require.False(t, fqdn.Equal(different[0], different[1]), "%q", different)
	}
}

func cn(value any) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: value}
}

func TestACertificateSpeaksForItsSANsOrElseForItsOnlyCN(t *testing.T) {
	san := []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}}}
	organisation := pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "nhs"}
	subject := func(names ...pkix.AttributeTypeAndValue) pkix.Name { return pkix.Name{Names: names} }
	for _, test := range []struct {
		name string
		cert x509.Certificate
		want []string // nil: refused
	}{
		{"the CN", x509.Certificate{Subject: subject(organisation, cn("A.nhs.uk"))}, []string{"a.nhs.uk"}},
		{"the SAN", x509.Certificate{Subject: subject(cn("b.nhs.uk")), Extensions: san, DNSNames: []string{"A.nhs.uk", "c.nhs.uk"}}, []string{"a.nhs.uk", "c.nhs.uk"}},
		{"a SAN without dNSName", x509.Certificate{Subject: subject(cn("a.nhs.uk")), Extensions: san}, nil},
		{"no CN", x509.Certificate{Subject: subject(organisation)}, nil},
		{"two CNs", x509.Certificate{Subject: subject(cn("a.nhs.uk"), cn("b.nhs.uk"))}, nil},
		{"a CN that is no string", x509.Certificate{Subject: subject(cn(7))}, nil},
		{"a CN that is no host name", x509.Certificate{Subject: subject(cn("NHS INT Level 1C"))}, nil},
		{"one SAN of two that is no host name", x509.Certificate{Extensions: san, DNSNames: []string{"a.nhs.uk", "*.nhs.uk"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			names, err := fqdn.FromCertificate(&test.cert)
			require.Equal(t, test.want, names)
			require.Equal(t, test.want == nil, err != nil)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"msg.int.spine2.ncrs.nhs.uk", "*.nhs.uk", "a.nhs.uk.", "10.0.0.1", "a\x00b", "ſ", ""} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		parsed, err := fqdn.Parse(a)
		if err != nil {
			return
		}
		again, err := fqdn.Parse(parsed)
		if err != nil || again != parsed {
			t.Fatalf("%q is read as %q and then as %q, %v", a, parsed, again, err)
		}
		if !fqdn.Equal(a, parsed) {
			t.Fatalf("%q is not equal to what it is read as, %q", a, parsed)
		}
		// What two names have in common but for case, every other reader
		// must find too.
		if fqdn.Equal(a, b) != (strings.EqualFold(a, b) && len(a) == len(b)) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}
