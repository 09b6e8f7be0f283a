// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"math/big"
	"net/http"
	"time"
)

// A ParsedCRL lets the external tests at what has been read of a CRL.
type ParsedCRL struct{ crl *crl }

func ParseCRL(raw []byte) (ParsedCRL, error) {
	c, err := parseCRL(raw, "test")
	return ParsedCRL{c}, err
}

func (p ParsedCRL) Entries() int {
	if p.crl.entries == nil {
		return 0
	}
	return p.crl.entries.count
}

// Find looks the serial up as one of the CRL issuer's.
func (p ParsedCRL) Find(serial []byte) (date time.Time, reason Reason, listed bool) {
	if p.crl.entries == nil {
		return time.Time{}, 0, false
	}
	w, listed := p.crl.entries.find(serial, 0)
	return w.time(), w.reason(), listed
}

func (p ParsedCRL) ThisUpdate() time.Time { return p.crl.thisUpdate }
func (p ParsedCRL) NextUpdate() time.Time { return p.crl.nextUpdate }
func (p ParsedCRL) KeyID() []byte         { return p.crl.keyID }
func (p ParsedCRL) Number() *big.Int      { return p.crl.number }
func (p ParsedCRL) Indirect() bool        { return p.crl.scope.indirect }

// Listed says whether the CRL lists the serial as one of its issuer's.
func (p ParsedCRL) Listed(serial []byte) bool {
	_, listed := p.crl.entries.find(serial, 0)
	return listed
}

// Lists says whether the CRL lists the certificate of that issuer and serial.
func (p ParsedCRL) Lists(issuer []byte, serial *big.Int) bool {
	name, _ := normalName(issuer)
	_, listed := p.crl.lookUp(&subject{issuer: name, serial: integerContent(serial)})
	return listed
}

func IntegerContent(n *big.Int) []byte { return integerContent(n) }

// AddedCRLs returns how many of the CRLs that were added are kept.
func (s *CRLs) AddedCRLs() (n int) {
	for _, list := range s.added.byIssuer {
		for _, series := range list {
			n += len(series.crls)
		}
	}
	return n
}

func NormalName(der []byte) (string, bool) { return normalName(der) }

func ReadScope(der []byte) { readScope(der) }

// ReadURLs returns the URLs of all full names in CRLDistributionPoints.
func ReadURLs(der []byte) (urls []string, ok bool) {
	points, ok := readDistributionPoints(der)
	for _, point := range points {
		for _, name := range point.name.full {
			if name.tag == tagURI {
				urls = append(urls, name.value)
			}
		}
	}
	return urls, ok
}

// RefuseSpecial judges an address, with its port, that a name has resolved to.
func RefuseSpecial(address string) error { return refuseSpecial("tcp", address, nil) }

// NewTransport is that of a fetcher without a client of the user's.
func NewTransport() *http.Transport { return newTransport() }

// TimeLimit is that of the client that makes the requests.
func (f *HTTPFetcher) TimeLimit() time.Duration { return f.client().Timeout }

// TriedKeys returns how many keys are remembered of the CRLs that were added.
func (s *CRLs) TriedKeys() (n int) {
	for _, list := range s.added.byIssuer {
		for _, series := range list {
			for _, c := range series.crls {
				n += len(c.keys.tried)
			}
		}
	}
	return n
}
