// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"runtime"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// A ParsedCRL lets the external tests at what has been read of a CRL.
type ParsedCRL struct{ *crl.List }

func ParseCRL(raw []byte) (ParsedCRL, error) { return parseCRL(raw, crl.Parse) }

// ParseCRLInPlace is ParseCRL for octets that stay in memory.
func ParseCRLInPlace(raw []byte) (ParsedCRL, error) { return parseCRL(raw, crl.ParseInPlace) }

func parseCRL(raw []byte, parse func([]byte, string) (*crl.List, error)) (ParsedCRL, error) {
	l, err := parse(raw, "test")
	if err != nil {
		return ParsedCRL{}, crlError("test", err)
	}
	return ParsedCRL{l}, nil
}

func (p ParsedCRL) Entries() int { return p.Len() }

// Find looks the serial, its content octets, up as one of the CRL issuer's.
func (p ParsedCRL) Find(serial []byte) (date time.Time, reason Reason, listed bool) {
	n := new(big.Int).SetBytes(serial)
	if serial[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(serial))))
	}
	e, listed := p.find(p.Issuer(), n)
	return e.Time, Reason(e.Reason), listed
}

func (p ParsedCRL) find(issuer string, serial *big.Int) (crl.Entry, bool) {
	s, err := crl.NewSubject(&x509.Certificate{RawIssuer: []byte("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x"), SerialNumber: serial})
	if err != nil {
		panic(err)
	}
	s.Issuer = issuer
	return p.List.Find(s)
}

func IntegerContent(n *big.Int) []byte { return der.IntegerContent(n) }

// KnownCRLs returns how many CRLs are in the set, or wait for their signer.
func (s *CRLs) KnownCRLs() (n int) {
	return len(s.lists.All()) + s.lists.Unverified()
}

// ReadURLs returns the URLs of all full names in CRLDistributionPoints.
func ReadURLs(value []byte) (urls []string, ok bool) {
	s, err := crl.NewSubject(&x509.Certificate{
		RawIssuer: []byte("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x"), SerialNumber: big.NewInt(1),
		Extensions: []pkix.Extension{{Id: []int{2, 5, 29, 31}, Value: value}},
	})
	if err != nil {
		return nil, false
	}
	for _, p := range s.Points {
		named, passedOver := p.URLs()
		urls = append(append(urls, named...), passedOver...)
	}
	return urls, true
}

// RefuseSpecial judges an address, with its port, that a name has resolved to.
func RefuseSpecial(address string) error { return refuseSpecial("tcp", address, nil) }

// NewTransport is that of a fetcher without a client of the user's.
func NewTransport() *http.Transport { return newTransport() }

// TimeLimit is that of the client that makes the requests.
func (f *HTTPFetcher) TimeLimit() time.Duration { return f.client().Timeout }

// Remember sets about how many certificates answers are kept.
func (s *OCSP) Remember(most int) { s.known.Most = most }

// Settle waits for the merges into the Cache.
func (s *CRLs) Settle() { s.shared.wait() }

// Settle waits for the merges into the Cache.
func (s *OCSP) Settle() { s.shared.wait() }

// JudgeOCSP reads and verifies a response about path[0], as if none had ever been
// seen.
func JudgeOCSP(response []byte, path []*x509.Certificate) error {
	r, err := ocsp.Parse(response, "test")
	if err == nil {
		_, err = new(OCSP).take(r, response, path, false)
	}
	return err
}

// OnCollected has do called when the memory of a list is, for each list that is known
// now and not in seen.
func (s *CRLs) OnCollected(seen map[[32]byte]bool, do func()) {
	for _, l := range s.lists.All() {
		if !seen[l.Digest()] {
			seen[l.Digest()] = true
			runtime.AddCleanup(l.List, func(do func()) { do() }, do)
		}
	}
}
