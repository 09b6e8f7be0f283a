// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// stunnel, behind which nothing judges the issuer, takes no leaf of the root's if its
// CA file makes the SubCA an anchor, as the rendered file says.
func TestSubCAAsStunnelsAnchor(t *testing.T) {
	t.Parallel()
	p := proxies[slices.IndexFunc(proxies, func(p proxy) bool { return p.program == terminator.Stunnel })]
	testenv.Need(t, p.binary, p.debian)
	openssl := testenv.Need(t, "openssl", "openssl")
	pki := testpki.Spine()
	plain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pki.SubCA.Raw})
	cmd := exec.CommandContext(t.Context(), openssl, "x509", "-addtrust", "clientAuth", "-trustout")
	cmd.Stdin = bytes.NewReader(plain)
	trusted, err := cmd.Output()
	require.NoError(t, err)
	cas := filepath.Join(t.TempDir(), "anchor.pem")
	require.NoError(t, os.WriteFile(cas, append(trusted, plain...), 0o600))

	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	t.Cleanup(server.Close)
	revoked := pki.Revoke(pki.Leaf(sspFQDN)) // before its CRLs are read
	ask := asking(t, p.startWith(t, pki, func(params *terminator.Params) {
		params.Backend, params.CAs = strings.TrimPrefix(server.URL, "http://"), cas
	}), &served)
	for name, change := range goodForms {
		assert.True(t, ask(pki.Leaf(sspFQDN, change)), "refused: %s", name)
	}
	assert.False(t, ask(pki.RootLeaf(sspFQDN)), "served: of the root")
	assert.False(t, ask(pki.LeafBelow(sspFQDN)), "served: of a CA below the SubCA")
	assert.False(t, ask(pki.SiblingLeaf(sspFQDN)), "served: of another SubCA")
	assert.False(t, ask(revoked), "served: revoked")
	assert.True(t, ask(pki.Leaf(sspFQDN)), "it still serves")
}

// asking returns a function that says whether a program at addr lets a client through.
func asking(t *testing.T, addr string, served *atomic.Int32) func(tls.Certificate) bool {
	return func(cert tls.Certificate) bool {
		before := served.Load()
		get(t.Context(), func(ctx context.Context) (net.Conn, error) {
			return (&tls.Dialer{Config: client(&cert, nil)}).DialContext(ctx, "tcp", addr)
		})
		return served.Load() > before
	}
}

// A SubCA that the root has revoked is refused by the programs that look at the root's
// list; stunnel looks at that of the leaf's issuer alone, as the rendered file says.
func TestRevokedSubCAAtEachProgram(t *testing.T) {
	t.Parallel()
	for _, p := range proxies {
		t.Run(string(p.program), func(t *testing.T) {
			t.Parallel()
			testenv.Need(t, p.binary, p.debian)
			pki := testpki.New(pkix.Name{Organization: []string{"nhs"}, CommonName: "subca"})
			pki.Revoke(tls.Certificate{Leaf: pki.SubCA})
			var served atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
			t.Cleanup(server.Close)
			ask := asking(t, p.start(t, pki, strings.TrimPrefix(server.URL, "http://")), &served)
			assert.Equal(t, p.program == terminator.Stunnel, ask(pki.Leaf(sspFQDN)))
		})
	}
}

// stunnel looks at the list of the leaf's issuer, and at none of the root's.
func TestListsThatStunnelLooksAt(t *testing.T) {
	t.Parallel()
	p := proxies[slices.IndexFunc(proxies, func(p proxy) bool { return p.program == terminator.Stunnel })]
	testenv.Need(t, p.binary, p.debian)
	named := with(rootList(), func(l *revocationtest.CRL) {
		l.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{rootURL}}, OnlyCACerts: true}
	})
	for _, c := range []struct {
		name   string
		lists  []revocationtest.CRL
		accept bool
	}{
		{"both lists", []revocationtest.CRL{subCAList(), rootList()}, true},
		{"a list of the root's with a distribution point", []revocationtest.CRL{subCAList(), named}, true},
		{"none of the root's", []revocationtest.CRL{subCAList()}, true},
		{"none of the SubCA's", []revocationtest.CRL{rootList()}, false},
	} {
		var served atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
		t.Cleanup(server.Close)
		ask := asking(t, p.startWith(t, testpki.Spine(), func(params *terminator.Params) {
			params.Backend = strings.TrimPrefix(server.URL, "http://")
			require.NoError(t, os.WriteFile(params.CRLs, inPEM(c.lists...), 0o600))
		}), &served)
		assert.Equal(t, c.accept, ask(testpki.Spine().Leaf(sspFQDN)), c.name)
	}
}
