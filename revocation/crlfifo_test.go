// SPDX-License-Identifier: Apache-2.0

//go:build unix

package revocation_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A FIFO under the name of a CRL file is refused, and not waited for until something is
// written to it.
func TestFIFOIsNoCRLFile(t *testing.T) {
	p := newCRLPKI(t)
	name := filepath.Join(t.TempDir(), "crl.pem")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	crls := &revocation.CRLs{Files: []string{name}}
	_, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
	require.Error(t, err)
	looks := crls.State().Looks
	require.Len(t, looks, 1)
	require.ErrorIs(t, looks[0].Err, regular.ErrNotRegular)
	require.ErrorContains(t, looks[0].Err, name)
}
