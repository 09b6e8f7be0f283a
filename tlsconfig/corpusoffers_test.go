// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// Each offer of the corpus is answered with the suite that its case says, or refused.
func TestCorpusOfOffers(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	defer pki.Close()
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	defer server.Close()
	testpki.TestOffers(t, strings.TrimPrefix(server.URL, "https://"), "provider.nhs.uk", func(o *testdata.Offer) uint16 { return o.Native })
}
