// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"net/http"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
)

// Each offer of the corpus is answered with the suite that a server with all eight
// chooses, or refused.
func TestCorpusOfOffers(t *testing.T) {
	needLibrary(t)
	address := serve(t, serverEndpoint(), http.NotFoundHandler())
	testpki.TestOffers(t, address, serverName, func(o *testdata.Offer) uint16 { return o.Chosen })
}
