// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// Peers is an [asid.PeerSource] for requests that [NewRequest] and
// [NewSSPRequest] made, or that carry a certificate of their like in r.TLS. It
// verifies nothing: use it in tests only.
type Peers struct {
	// Err is returned for every request; nil: the first certificate of r.TLS is. A
	// [PeerError] says which rule a source would name.
	Err error
}

// Peer implements [asid.PeerSource].
func (p Peers) Peer(r *http.Request) (*x509.Certificate, error) {
	switch {
	case p.Err != nil:
		return nil, p.Err
	case r.TLS == nil || len(r.TLS.PeerCertificates) == 0:
		return nil, errors.New("the request has no peer certificate")
	}
	return r.TLS.PeerCertificates[0], nil
}

// A PeerError is what an [asid.PeerSource] says of a peer that it refuses.
type PeerError struct {
	Rule  string // such as "fqdn", "version" or "suite"
	Close bool   // the connection is to be closed
}

// Error names the rule.
func (e *PeerError) Error() string { return "peer refused by rule " + e.Rule }

// PeerRule returns the rule.
func (e *PeerError) PeerRule() string { return e.Rule }

// CloseConnection reports whether the connection is to be closed.
func (e *PeerError) CloseConnection() bool { return e.Close }

// TestPeerSource checks a source of one's own: it must return a certificate that
// speaks for a name for each request of good, and no certificate and an error for
// each of bad, in whatever order they come. It joins what the source gets wrong.
func TestPeerSource(source asid.PeerSource, good, bad []*http.Request) error {
	var faults []error
	// Twice, for what was answered before must not decide.
	for range 2 {
		for i, r := range good {
			cert, err := source.Peer(r)
			if err == nil && cert == nil {
				err = errors.New("neither a certificate nor an error")
			}
			if err == nil {
				_, err = asid.NamesOf(cert)
			}
			if err != nil {
				faults = append(faults, fault("good", i, err))
			}
		}
		for i, r := range bad {
			cert, err := source.Peer(r)
			if err == nil {
				faults = append(faults, fault("bad", i, errors.New("it was not refused")))
			} else if cert != nil {
				faults = append(faults, fault("bad", i, errors.New("a certificate beside an error")))
			}
		}
	}
	return errors.Join(faults...)
}

func fault(kind string, i int, err error) error {
	return fmt.Errorf("%s request %d: %w", kind, i+1, err)
}
