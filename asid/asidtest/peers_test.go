// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// peers is a source of one function.
type peers func(*http.Request) (*x509.Certificate, error)

func (p peers) Peer(r *http.Request) (*x509.Certificate, error) { return p(r) }

func TestWrongPeerSourcesAreFound(t *testing.T) {
	t.Parallel()
	good := []*http.Request{asidtest.NewRequest(http.MethodPost, "/STU3/DocumentReference", rr8, self)}
	bad := []*http.Request{{Header: http.Header{}}}
	assert.NoError(t, asidtest.TestPeerSource(asidtest.Peers{}, good, bad))
	assert.NoError(t, asidtest.TestPeerSource(asid.InsecureUnverifiedPeers{}, good, bad))

	cert := good[0].TLS.PeerCertificates[0]
	asked := 0
	for name, source := range map[string]peers{
		"accepts everything": func(*http.Request) (*x509.Certificate, error) { return cert, nil },
		"refuses everything": func(*http.Request) (*x509.Certificate, error) { return nil, errors.New("no") },
		"neither":            func(*http.Request) (*x509.Certificate, error) { return nil, nil },
		"both":               func(*http.Request) (*x509.Certificate, error) { return cert, errors.New("no") },
		"a nameless peer":    func(*http.Request) (*x509.Certificate, error) { return new(x509.Certificate), nil },
		"remembers the last": func(r *http.Request) (*x509.Certificate, error) {
			if asked++; asked == 2 {
				return nil, errors.New("no")
			}
			return cert, nil
		},
	} {
		assert.Error(t, asidtest.TestPeerSource(source, good, bad), name)
	}
}
