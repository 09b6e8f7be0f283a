// SPDX-License-Identifier: Apache-2.0

package front

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func TestLeavesAreBounded(t *testing.T) {
	t.Parallel()
	var l leaves
	cert := new(x509.Certificate)
	there := func(header string) bool {
		got, _, err := l.get(onePEM, header)
		return err == nil && got == cert
	}
	for n := range 3*maxLeaves + 1 {
		l.put(fmt.Sprint(n), cert)
		require.LessOrEqual(t, len(l.new), maxLeaves)
		require.LessOrEqual(t, len(l.old), maxLeaves)
	}
	assert.True(t, there(fmt.Sprint(3*maxLeaves)))
	assert.True(t, there(fmt.Sprint(2*maxLeaves)), "of the generation before")
	assert.False(t, there(fmt.Sprint(maxLeaves)), "of the one before that")

	long := strings.Repeat("x", maxCertificate)
	for n := range 2 * maxLeafOctets / maxCertificate {
		l.put(fmt.Sprint(n)+long, cert)
		octets := 0
		for header := range l.new {
			octets += len(header)
		}
		require.LessOrEqual(t, octets, maxLeafOctets)
	}
	assert.LessOrEqual(t, len(l.old), maxLeafOctets/maxCertificate)

	// What long headers took is given back with them.
	for n := range 2 * maxLeaves {
		l.put(fmt.Sprint(n), cert)
	}
	assert.Len(t, l.old, maxLeaves)
}

// A leaf that is asked for outlives its generation, and one that is refused is not cached.
func TestWhichLeavesAreKept(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	const ssp = "ssp.nhs.uk"
	f := &Front{Form: HAProxy, Verifier: tlsconfig.Verifier{Pins: pki.Pins(), FQDNs: []string{ssp}, Revocation: tlsconfig.InsecureSkipRevocation{}}}
	f.prepare()
	ask := func(der []byte) error {
		a := &arrival{Context: t.Context(), front: f, said: said{base64.StdEncoding.EncodeToString(der), "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"}}
		_, err := f.Peer(httptest.NewRequest(http.MethodGet, "/", nil).WithContext(a))
		return err
	}
	for _, refused := range [][]byte{pki.Issue("other.nhs.uk").Certificate[0], pki.Issue(ssp, spinetest.SelfSigned()).Certificate[0]} {
		require.Error(t, ask(refused))
		assert.Empty(t, f.leaves.new)
	}
	der := pki.Issue(ssp).Certificate[0]
	require.NoError(t, ask(der))
	assert.Len(t, f.leaves.new, 1)
	f.leaves.old, f.leaves.new, f.leaves.octets = f.leaves.new, nil, 0
	kept := f.leaves.old[base64.StdEncoding.EncodeToString(der)]
	require.NoError(t, ask(der))
	assert.Same(t, kept, f.leaves.new[base64.StdEncoding.EncodeToString(der)])
}
