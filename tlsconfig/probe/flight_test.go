// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"crypto/tls"
	"testing"
)

// FuzzFlight: whatever a server sends is read without a panic, and never past
// the bound.
func FuzzFlight(f *testing.F) {
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	hello := (&hello{version: tls.VersionTLS12, suites: []uint16{0xC030}, serverName: "provider.nhs.uk"}).record()
	hello[5] = typeServerHello
	f.Add(hello)
	f.Add([]byte{22, 3, 3, 0, 4, typeServerHelloDone, 0, 0, 0})
	f.Add([]byte{22, 3, 3, 0, 10, typeCertificate, 0, 0, 6, 0, 0, 3, 0, 0, 0})
	f.Add([]byte{22, 3, 3, 0, 11, typeCertificateReq, 0, 0, 7, 1, 1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		flight, err := readFlight(bytes.NewReader(data))
		if err == nil && flight == nil {
			t.Fatal("neither a flight nor an error")
		}
		if flight != nil {
			flight.chain()
			flight.dhBits()
			for _, name := range flight.authorities {
				_ = distinguishedName(name)
			}
		}
	})
}
