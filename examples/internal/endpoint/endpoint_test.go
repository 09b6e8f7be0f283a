// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// CRL files are followed, and -fetch beside -crl means both.
func TestRevocationIsAskedOfFilesAndTheNetwork(t *testing.T) {
	files := exampletest.NewFiles(t)
	dir := t.TempDir()
	for name, test := range map[string]struct {
		args   []string
		files  []string
		fetch  bool
		cached bool
	}{
		"-crl":               {[]string{"-crl", files.CRL, "-crl", files.ARL}, []string{files.CRL, files.ARL}, false, false},
		"-fetch":             {[]string{"-fetch"}, nil, true, false},
		"-crl and -fetch":    {[]string{"-crl", files.CRL, "-fetch"}, []string{files.CRL}, true, false},
		"-fetch with -cache": {[]string{"-fetch", "-cache", dir}, nil, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			flags, end := endpoint.NewFlags("test", "peer", "any name holds")
			require.NoError(t, flags.Parse(append([]string{"-roots", files.Roots, "-subcas", files.SubCAs}, test.args...)))
			verifier, err := end.Verifier(t.Context(), slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			checker, ok := verifier.Revocation.(*revocation.Checker)
			require.True(t, ok)
			assert.Equal(t, revocation.Policy{}, checker.Policy, "the strictest")
			crls, ok := checker.Sources[0].(*revocation.CRLs)
			require.True(t, ok)
			assert.ElementsMatch(t, test.files, crls.Files)
			assert.Equal(t, test.fetch, crls.Fetcher != nil)
			if !test.fetch {
				assert.Len(t, checker.Sources, 1)
				return
			}
			require.Len(t, checker.Sources, 2)
			responses, ok := checker.Sources[1].(*revocation.OCSP)
			require.True(t, ok)
			assert.Same(t, crls.Fetcher, responses.Fetcher)
			var cache revocation.Cache
			if test.cached {
				cache = revocation.DirCache(dir)
			}
			assert.Equal(t, cache, crls.Cache)
			assert.Equal(t, cache, responses.Cache)
		})
	}
	flags, end := endpoint.NewFlags("test", "peer", "any name holds")
	require.NoError(t, flags.Parse([]string{"-roots", files.Roots, "-subcas", files.SubCAs}))
	_, err := end.Verifier(t.Context(), slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "neither -crl nor -fetch")
}
