// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// The certificates of all seeds are the same, so that they are made once. The
// bubbles of testing/synctest begin at midnight UTC, 2000-01-01.
var (
	epoch     = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	notBefore = epoch.AddDate(-1, 0, 0)
	notAfter  = epoch.AddDate(40, 0, 0)
)

const (
	generations = 3 // keys that the CA may roll over to
	partitions  = 2
	leavesEach  = 4 // leaves of each key
)

// memo returns f with its results remembered, for any number of goroutines.
func memo[K comparable, V any](f func(K) V) func(K) V {
	var known sync.Map
	return func(k K) V {
		if v, ok := known.Load(k); ok {
			return v.(V)
		}
		v, _ := known.LoadOrStore(k, f(k))
		return v.(V)
	}
}

func name(cn string) pkix.Name { return pkix.Name{Organization: []string{"nhs"}, CommonName: cn} }

func certify(template *x509.Certificate, subjectKey string, parent *x509.Certificate, parentKey string) *x509.Certificate {
	if template.NotAfter.IsZero() {
		template.NotAfter = notAfter
	}
	template.NotBefore = notBefore
	if parent == nil {
		parent = template
	}
	signer := *parent
	signer.PublicKey = nil // resign replaces the signature
	der, err := x509.CreateCertificate(nil, template, &signer, namedKey(subjectKey).Public(), namedKey(parentKey))
	if err != nil {
		panic(err)
	}
	cert, err := resign(der, subjectKey, parentKey)
	if err != nil {
		panic(err)
	}
	return cert
}

var rootCert = sync.OnceValue(func() *x509.Certificate {
	return certify(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: name("Root"), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, "R", nil, "R")
})

// caCert returns the CA's certificate of one generation, which the root issued.
var caCert = memo(func(generation int) *x509.Certificate {
	return certify(&x509.Certificate{
		SerialNumber: big.NewInt(int64(2 + generation)), Subject: name("Sub CA"), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, CRLDistributionPoints: mirrored("arl"),
	}, caKey(generation), rootCert(), "R")
})

// renewedCert returns a second certificate of the same key and name, which is on no
// path: further issuers of an operator's may include it.
var renewedCert = memo(func(generation int) *x509.Certificate {
	return certify(&x509.Certificate{
		SerialNumber: big.NewInt(renewedSerial(generation)), Subject: name("Sub CA"), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, CRLDistributionPoints: mirrored("arl"),
	}, caKey(generation), rootCert(), "R")
})

func renewedSerial(generation int) int64 { return int64(2 + generations + generation) }

// A shape is what the certificates of a world have in common.
type shape struct {
	PerKey  bool // distribution points are named by partition and key, otherwise by partition alone
	Points  int  // distribution points that the two URLs are spread over: 1 or 2
	Freshen bool // certificates name the delta CRLs
	OCSP    bool // certificates name a responder
	Short   bool // a delegated responder's certificate expires within days
}

// place names the place of a partition's lists: the last part of their URLs.
func (s shape) place(partition, generation int) string {
	if s.PerKey {
		return fmt.Sprintf("c%dk%d", partition, generation)
	}
	return fmt.Sprintf("c%d", partition)
}

type leafID struct {
	shape      shape
	generation int
	number     int
}

func (l leafID) partition() int { return l.number % partitions }
func (l leafID) serial() int64  { return int64(100 + 10*l.generation + l.number) }

var leafCert = memo(func(id leafID) *x509.Certificate {
	place := id.shape.place(id.partition(), id.generation)
	template := &x509.Certificate{SerialNumber: big.NewInt(id.serial()), Subject: name(fmt.Sprint("leaf ", id.serial()))}
	urls := mirrored(place)
	points := []revocationtest.DistributionPoint{{PointName: revocationtest.PointName{URLs: urls}}}
	if id.shape.Points == 2 {
		points = nil
		for _, url := range urls {
			points = append(points, revocationtest.DistributionPoint{PointName: revocationtest.PointName{URLs: []string{url}}})
		}
	}
	template.ExtraExtensions = append(template.ExtraExtensions, revocationtest.CRLDistributionPoints(points...))
	if id.shape.Freshen {
		template.ExtraExtensions = append(template.ExtraExtensions, revocationtest.FreshestCRL(freshest(place)...))
	}
	if id.shape.OCSP {
		template.OCSPServer = []string{"http://" + responderHost + "/"}
	}
	return certify(template, fmt.Sprint("leaf", id.number), caCert(id.generation), caKey(id.generation))
})

// responderSerial is the serial number of the delegated responder's certificate.
func responderSerial(generation int) int64 { return int64(50 + generation) }

var responderCert = memo(func(id leafID) *x509.Certificate {
	generation := id.generation
	expires := notAfter
	if id.shape.Short {
		expires = epoch.Add(40 * time.Hour)
	}
	return certify(&x509.Certificate{
		NotAfter:     expires,
		SerialNumber: big.NewInt(responderSerial(generation)), Subject: name("Responder"),
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		CRLDistributionPoints: mirrored(id.shape.place(0, generation)),
		ExtraExtensions:       []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}},
	}, responderKey(generation), caCert(generation), caKey(generation))
})

const (
	mirrors       = 2
	responderHost = "ocsp.example"
)

func mirrorHost(i int) string { return fmt.Sprintf("m%d.example", i) }

// mirrored returns the URLs of a place, one a mirror.
func mirrored(place string) []string {
	var urls []string
	for i := range mirrors {
		urls = append(urls, "http://"+mirrorHost(i)+"/"+place)
	}
	return urls
}

// freshest returns where the delta CRLs of a place are.
func freshest(place string) []revocationtest.DistributionPoint {
	return []revocationtest.DistributionPoint{{PointName: revocationtest.PointName{URLs: mirrored("d" + place)}}}
}

// A list that only one mirror's URL is named by has a place with the mirror's
// number before it.
func ownPlace(mirror int, place string) string { return fmt.Sprintf("%d:%s", mirror, place) }

func placeOf(place string) string {
	if _, rest, ok := strings.Cut(place, ":"); ok {
		return rest
	}
	return place
}

func urlsOf(place string) []string {
	if before, rest, ok := strings.Cut(place, ":"); ok {
		return []string{"http://m" + before + ".example/" + rest}
	}
	return mirrored(place)
}
