// SPDX-License-Identifier: Apache-2.0

package testca_test

import (
	"crypto/rsa"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
)

// Names have keys to themselves, those beyond the stored ones too; a name has one key.
func TestEachNameHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	own := func(name string, key *rsa.PrivateKey) {
		assert.NoError(t, key.Validate())
		assert.Equal(t, 2048, key.N.BitLen())
		assert.Empty(t, seen[key.N.String()], name)
		seen[key.N.String()] = name
	}
	for i := range 66 {
		name := fmt.Sprint("name ", i)
		key := testca.RSA(name)
		own(name, key)
		assert.Same(t, key, testca.RSA(name))
		if i%22 == 0 {
			own("unnamed", testca.NewRSA(2048))
		}
	}
}
