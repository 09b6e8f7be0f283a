// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/record"
)

// An Expiry is a certificate whose expiry ends connections.
type Expiry struct {
	Role string // "own", "subca" or "root"
	Cert *x509.Certificate
}

// Expiry returns the certificates whose NotAfter is worth an alert: what the
// CertificateSource returns now, the pinned SubCAs and the pinned roots, for a
// metric. An endpoint in use also logs them: once 30 days before, once a day in the
// last 7, and once a day as errors when they have expired. The error is the
// source's, and comes beside the CAs and what the source could still return.
func (e *Endpoint) Expiry(ctx context.Context) ([]Expiry, error) {
	var found []Expiry
	var err error
	if e.Certificate != nil {
		cert, sourceErr := e.askOnce(ctx)
		err = sourceErr
		if cert != nil && len(cert.Certificate) > 0 {
			leaf, parseErr := x509.ParseCertificate(cert.Certificate[0])
			if parseErr == nil {
				found = append(found, Expiry{"own", leaf})
			} else if err == nil {
				err = parseErr
			}
		}
	}
	return append(found, e.Verifier.Pins.expiries()...), err
}

func (p *Pins) expiries() []Expiry {
	s := p.snapshot()
	if s == nil {
		return nil
	}
	found := make([]Expiry, 0, len(s.subCAs)+len(s.roots))
	for _, cert := range s.subCAs {
		found = append(found, Expiry{"subca", cert})
	}
	for _, cert := range s.roots {
		found = append(found, Expiry{"root", cert})
	}
	return found
}

// expiries remembers what was said about the expiry of certificates.
type expiries struct {
	mu   sync.Mutex
	said map[[sha256.Size]byte]int64 // days that were left; 30 until there are no more than 7
}

const (
	day       = 24 * time.Hour
	warnAhead = 30 * day
	warnDaily = 7 * day
)

var expiryTexts = map[string][2]string{
	"own":   {"own certificate expires soon", "own certificate has expired"},
	"subca": {"pinned SubCA expires soon", "pinned SubCA has expired"},
	"root":  {"pinned root expires soon", "pinned root has expired"},
}

// warn makes one record 30 days before a certificate expires, one a day in the last
// 7, and one a day, as an error, once it has.
func (x *expiries) warn(ctx context.Context, r record.Writer, now time.Time, own *x509.Certificate, pins *Pins) {
	if r.Logger == nil {
		return
	}
	late := slices.DeleteFunc(append(pins.expiries(), Expiry{"own", own}), func(e Expiry) bool { return e.Cert.NotAfter.Sub(now) > warnAhead })
	x.mu.Lock()
	defer x.mu.Unlock()
	said := make(map[[sha256.Size]byte]int64, len(late)) // of the others nothing need be known any more
	for _, e := range late {
		key, left := sha256.Sum256(e.Cert.Raw), e.Cert.NotAfter.Sub(now)
		days := int64(warnAhead / day)
		if left <= warnDaily {
			days = int64(math.Floor(left.Hours() / 24))
		}
		last, known := x.said[key]
		said[key] = days
		if known && last == days {
			continue
		}
		level, text := slog.LevelWarn, expiryTexts[e.Role][0]
		if left <= 0 {
			level, text = slog.LevelError, expiryTexts[e.Role][1]
		}
		r.Write(ctx, level, text, slog.String("subject", clip(e.Cert.Subject.String())), slog.Time("expires", e.Cert.NotAfter))
	}
	x.said = said
}

// oidFeature is id-pe-tlsfeature (RFC 7633 section 6).
var oidFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

// mustStaple reports whether a certificate names status_request (5) among the TLS
// features that its server must offer.
func mustStaple(cert *x509.Certificate) bool {
	const statusRequest = 5
	for _, extension := range cert.Extensions {
		var features []int
		if extension.Id.Equal(oidFeature) {
			rest, err := asn1.Unmarshal(extension.Value, &features)
			return err == nil && len(rest) == 0 && slices.Contains(features, statusRequest)
		}
	}
	return false
}
