// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// Not parallel: AllocsPerRun counts those of the whole process.
func TestAWarmCheckAllocatesNothing(t *testing.T) {
	p := newCRLPKI(t)
	path := p.leaf(t)
	crls := crlsOf(t, p.ca.crl(), p.root.crl())
	for name, sources := range map[string][]revocation.Source{
		"one source":  {crls},
		"two sources": {crls, crlsOf(t, p.ca.crl(), p.root.crl())},
	} {
		checker := &revocation.Checker{Sources: sources, Time: clock}
		require.NoError(t, checker.Check(t.Context(), path, nil))
		assert.Less(t, testing.AllocsPerRun(1000, func() { _ = checker.Check(t.Context(), path, nil) }), 1.0, name)
	}
}
