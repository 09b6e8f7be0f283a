// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// The files suffice for a verification that fetches nothing.
func TestFilesOfASpine(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "try")
	var out bytes.Buffer
	require.NoError(t, run([]string{dir, "provider.nhs.uk", "ssp.nhs.uk"}, &out))
	assert.Len(t, strings.Fields(out.String()), 8)
	pins, err := tlsconfig.LoadPins(dir+"/roots.pem", dir+"/subcas.pem")
	require.NoError(t, err)
	crls := new(revocation.CRLs)
	for _, list := range []string{"crl.pem", "arl.pem"} {
		data, err := os.ReadFile(filepath.Join(dir, list))
		require.NoError(t, err)
		require.NoError(t, crls.Add(data))
	}
	cert, err := tls.LoadX509KeyPair(dir+"/provider.nhs.uk.pem", dir+"/provider.nhs.uk.key")
	require.NoError(t, err)
	subCA, err := x509.ParseCertificate(cert.Certificate[1])
	require.NoError(t, err)
	verifier := &tlsconfig.Verifier{Pins: pins, FQDNs: []string{"provider.nhs.uk"}, Revocation: &revocation.Checker{Sources: []revocation.Source{crls}}}
	_, err = verifier.Verify(t.Context(), tlsconfig.Presented{Certificates: []*x509.Certificate{cert.Leaf, subCA}, Usage: x509.ExtKeyUsageServerAuth})
	require.NoError(t, err)
	require.ErrorIs(t, run([]string{dir, "provider.nhs.uk"}, io.Discard), os.ErrExist, "another Spine does not overwrite it")
}

func TestWhatIsNoFQDNIsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{nil, {dir}, {dir, "../elsewhere"}, {dir, "a.nhs.uk", "/etc/passwd"}, {dir, ""}} {
		require.Error(t, run(args, io.Discard), "%q", args)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
