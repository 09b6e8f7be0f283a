// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"bytes"
	"crypto/x509"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// FuzzVerify damages a leaf that is good: whatever still parses must be
// refused, unless it is the leaf itself. Keys differ from process to process,
// so the damage is the input, not the certificate.
func FuzzVerify(f *testing.F) {
	s := newSpine(f)
	good := s.subCA.issue(f, sspName).Leaf
	v := s.verifier(sspName)
	f.Add(uint16(0), uint16(0), []byte(nil))
	f.Add(uint16(4), uint16(1), []byte{0x30})
	f.Add(uint16(0), uint16(0xFFFF), bytes.Clone(s.sibling.issue(f, sspName).Leaf.Raw))
	for at := range uint16(len(good.Raw)) {
		if at%16 == 0 {
			f.Add(at, uint16(1), []byte{0xFF})
		}
	}
	f.Fuzz(func(t *testing.T, at, cut uint16, put []byte) {
		from := min(int(at), len(good.Raw))
		to := min(from+int(cut), len(good.Raw))
		der := bytes.Join([][]byte{good.Raw[:from], put, good.Raw[to:]}, nil)
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
			chain, err := v.Verify(t.Context(), tlsconfig.Presented{Certificates: []*x509.Certificate{leaf}, Usage: usage})
			if bytes.Equal(der, good.Raw) != (err == nil) {
				t.Fatalf("%x: %v, %v", der, chain, err)
			}
			if err != nil {
				refused(t, err, err.(*tlsconfig.PeerError).Rule)
			}
		}
		if names, err := tlsconfig.FQDNs(leaf); err == nil && len(names) == 0 {
			t.Fatal("neither a name nor an error")
		}
	})
}

// FuzzFQDNs has a leaf bear any common name: it is accepted for the name asked
// for only if it is that name but for case.
func FuzzFQDNs(f *testing.F) {
	s := newSpine(f)
	for _, name := range []string{sspName, "*.nhs.uk", sspName + ".", sspName + "\x00", "10.0.0.1", "", "MSG.int.spine2.ncrs.nhs.uk"} {
		f.Add(name)
	}
	template := s.subCA.issue(f, sspName).Leaf
	f.Fuzz(func(t *testing.T, name string) {
		leaf := *template
		leaf.Subject.Names = nil
		for _, attribute := range template.Subject.Names {
			if attribute.Value == sspName {
				attribute.Value = name
			}
			leaf.Subject.Names = append(leaf.Subject.Names, attribute)
		}
		names, err := tlsconfig.FQDNs(&leaf)
		same := bytes.EqualFold([]byte(name), []byte(sspName)) && len(name) == len(sspName)
		if same != (err == nil && names[0] == sspName) {
			t.Fatalf("%q: %q, %v", name, names, err)
		}
	})
}
