// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A crlPKI is a root, a CA below it whose CRLs are asked, and another CA, which
// issues indirect CRLs.
type crlPKI struct {
	root, ca, other *ocspParty
}

func newCRLPKI(t testing.TB) *crlPKI {
	t.Helper()
	p := issuedCRLPKI()
	return &crlPKI{root: p.root.copied(), ca: p.ca.copied(), other: p.other.copied()}
}

// issuedCRLPKI is the process's, of which each test has copies.
var issuedCRLPKI = sync.OnceValue(func() *crlPKI { return issueCRLPKI(testca.EC) })

func issueCRLPKI(key func(name string) crypto.Signer) *crlPKI {
	root := issueParty(crlCA("Root", 1), key("root"), nil)
	return &crlPKI{
		root:  root,
		ca:    issueParty(crlCA("Sub CA", 2), key("ca"), root),
		other: issueParty(crlCA("CRL Issuer", 3), key("other"), root),
	}
}

func crlCA(name string, serial int64) *x509.Certificate {
	template := ocspCA(name)
	template.SerialNumber = big.NewInt(serial)
	template.SubjectKeyId = []byte(name)
	return template
}

const leafSerial = 0x4711

// leaf returns the path of a leaf with the given extensions.
//
// crypto/x509 does not parse a distribution point with a relative name, so the
// extensions are added to what has been parsed.
func (p *crlPKI) leaf(t testing.TB, extensions ...pkix.Extension) []*x509.Certificate {
	leaf := ocspIssue(t, &x509.Certificate{
		SerialNumber: big.NewInt(leafSerial), Subject: pkix.Name{CommonName: "leaf"},
	}, testca.EC("leaf"), p.ca)
	leaf.cert.Extensions = append(leaf.cert.Extensions, extensions...)
	return []*x509.Certificate{leaf.cert, p.ca.cert, p.root.cert}
}

// by returns an ordinary CRL, an hour old, that the given certificates' serials
// are on.
func (p *ocspParty) crl(serials ...int64) revocationtest.CRL {
	crl := revocationtest.CRL{
		Issuer: p.cert, Key: p.key, ThisUpdate: ocspNow.Add(-time.Hour), NextUpdate: ocspNow.Add(time.Hour),
	}
	for _, serial := range serials {
		crl.Entries = append(crl.Entries, revocationtest.Entry{Serial: big.NewInt(serial)})
	}
	return crl
}

// crlVerdict is what is expected of an answer: good, or revoked for a reason, or
// an error of a kind.
type crlVerdict struct {
	good   bool
	reason revocation.Reason
	kind   error
}

var good = crlVerdict{good: true}

func revokedFor(reason revocation.Reason) crlVerdict { return crlVerdict{reason: reason} }
func unknown(kind error) crlVerdict                  { return crlVerdict{kind: kind} }

// movedTo is where the clock that moves with the questions stands.
var movedTo atomic.Int64

// moving is the clock of sources that are asked at later and later times.
func moving() time.Time { return time.Unix(movedTo.Load(), 0) }

func (v crlVerdict) require(t *testing.T, crls *revocation.CRLs, path []*x509.Certificate, at time.Time) {
	t.Helper()
	movedTo.Store(at.Unix())
	// The second answer may be a cached one.
	for range 2 {
		answer, err := crls.Status(t.Context(), revocation.Query{Path: path, At: at})
		switch {
		case v.kind != nil:
			require.ErrorIs(t, err, v.kind)
			require.NotEqual(t, revocation.Revoked, answer.Status)
			if !errors.Is(v.kind, revocation.ErrExpired) {
				require.Equal(t, revocation.Answer{}, answer)
			}
		case v.good:
			require.NoError(t, err)
			require.Equal(t, revocation.Good, answer.Status)
			assert.Nil(t, answer.Revocation)
			assert.NotEmpty(t, answer.Source)
			assert.False(t, answer.NextUpdate.Before(at))
		default:
			require.NoError(t, err)
			require.Equal(t, revocation.Revoked, answer.Status)
			require.Equal(t, v.reason, answer.Revocation.Reason)
			require.Equal(t, path[0], answer.Revocation.Cert)
			require.Equal(t, path[0].SerialNumber, answer.Revocation.Serial)
		}
	}
}

// crlsOf returns a source with the CRLs.
func crlsOf(t testing.TB, lists ...revocationtest.CRL) *revocation.CRLs {
	crls := &revocation.CRLs{}
	for _, list := range lists {
		require.NoError(t, crls.Add(list.DER()))
	}
	return crls
}

func with(crl revocationtest.CRL, change func(*revocationtest.CRL)) revocationtest.CRL {
	crl.Entries = slices.Clone(crl.Entries)
	change(&crl)
	return crl
}

func inScope(crl revocationtest.CRL, scope revocationtest.Scope) revocationtest.CRL {
	return with(crl, func(c *revocationtest.CRL) { c.Scope = &scope })
}

func urls(urls ...string) revocationtest.PointName { return revocationtest.PointName{URLs: urls} }

func points(points ...revocationtest.DistributionPoint) pkix.Extension {
	return revocationtest.CRLDistributionPoints(points...)
}

func at(name revocationtest.PointName) revocationtest.DistributionPoint {
	return revocationtest.DistributionPoint{PointName: name}
}

// A crlServer is a Fetcher of the CRLs under their URLs.
type crlServer struct {
	mu    sync.Mutex
	lists map[string][]byte
	asked []string
}

func (s *crlServer) publish(url string, list revocationtest.CRL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lists == nil {
		s.lists = map[string][]byte{}
	}
	s.lists[url] = list.DER()
}

func (s *crlServer) Fetch(_ context.Context, r revocation.Request) (*revocation.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL)
	if s.lists[r.URL] == nil {
		return nil, &revocation.FetchError{URL: r.URL, StatusCode: 404}
	}
	return &revocation.Response{Body: s.lists[r.URL]}, nil
}

// requests returns the URLs that have been asked for since the last time.
func (s *crlServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func sequence(from int64, n int) (serials []*big.Int) {
	for i := range n {
		serials = append(serials, big.NewInt(from+int64(i)))
	}
	return serials
}

// serialsOf makes n serials of so many content octets, none of them twice.
func serialsOf(n, octets int) []*big.Int {
	random := rand.New(rand.NewPCG(uint64(n), uint64(octets)))
	seen := map[string]bool{}
	var serials []*big.Int
	for len(serials) < n {
		b := make([]byte, octets)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		b[0] = b[0]&0x7f | 0x40
		if !seen[string(b)] {
			seen[string(b)] = true
			serials = append(serials, new(big.Int).SetBytes(b))
		}
	}
	return serials
}

// requireAsked waits until the URLs have been asked for since the last time, and
// requires that no others were.
func (s *crlServer) requireAsked(t *testing.T, urls ...string) {
	t.Helper()
	var asked []string
	assert.Eventually(t, func() bool {
		asked = append(asked, s.requests()...)
		return len(asked) >= len(urls)
	}, 10*time.Second, time.Millisecond)
	assert.ElementsMatch(t, urls, asked)
}

// rdnSequence makes a Name; each RDN is its attributes, of an OID's last arc, a
// string type and a value.
func rdnSequence(rdns ...[]attribute) []byte {
	sequence := &dertest.Node{Tag: 0x30, Content: []byte{}}
	for _, attributes := range rdns {
		set := &dertest.Node{Tag: 0x31, Content: []byte{}}
		for _, a := range attributes {
			set.Children = append(set.Children, &dertest.Node{Tag: 0x30, Children: []*dertest.Node{
				{Tag: 6, Content: []byte{0x55, 4, a.arc}}, {Tag: a.tag, Content: []byte(a.value)},
			}})
		}
		sequence.Children = append(sequence.Children, set)
	}
	return sequence.Bytes()
}

type attribute struct {
	arc, tag byte
	value    string
}

func numbered(crl revocationtest.CRL, number int64) revocationtest.CRL {
	return with(crl, func(c *revocationtest.CRL) { c.Number = number })
}

func between(crl revocationtest.CRL, from, until time.Duration) revocationtest.CRL {
	return with(crl, func(c *revocationtest.CRL) { c.ThisUpdate, c.NextUpdate = ocspNow.Add(from), ocspNow.Add(until) })
}

// errNotFetched stands for a *FetchError.
var errNotFetched = errors.New("not fetched")
