// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// clearing is a Source that answers good about everything.
type clearing struct{}

func (clearing) Status(context.Context, revocation.Query) (revocation.Answer, error) {
	return revocation.Answer{Status: revocation.Good, ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}, nil
}

// A variable that was never set is a nil Source.
func TestACheckerThatRefusesEverythingForANilSourceIsNotValid(t *testing.T) {
	t.Parallel()
	chain := []*x509.Certificate{{SerialNumber: big.NewInt(1), Raw: []byte{1}}, {SerialNumber: big.NewInt(2), Raw: []byte{2}}}
	for name, c := range map[string]struct {
		checker *revocation.Checker
		valid   bool
	}{
		"nil alone":                 {&revocation.Checker{Sources: []revocation.Source{nil, nil}}, false},
		"nil beside one":            {&revocation.Checker{Sources: []revocation.Source{nil, clearing{}}}, true},
		"one of which each must be": {&revocation.Checker{Sources: []revocation.Source{nil, clearing{}}, Policy: revocation.Policy{Agreement: revocation.EverySource}}, false},
		"each of which is there":    {&revocation.Checker{Sources: []revocation.Source{clearing{}}, Policy: revocation.Policy{Agreement: revocation.EverySource}}, true},
	} {
		if c.valid {
			assert.NoError(t, c.checker.Validate(), name)
			assert.NoError(t, c.checker.Check(t.Context(), chain, nil), name)
			continue
		}
		assert.ErrorIs(t, c.checker.Validate(), revocation.ErrNoSource, name)
		assert.ErrorAs(t, c.checker.Check(t.Context(), chain, nil), new(*revocation.UnknownError), name)
	}
}
