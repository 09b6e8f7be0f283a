// SPDX-License-Identifier: Apache-2.0

package testca_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
)

// Names have keys to themselves, those beyond the stored ones too; a name has one key.
func TestEachNameHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for i := range 20 {
		name := fmt.Sprint("name ", i)
		key := testca.RSA(name)
		assert.NoError(t, key.Validate())
		assert.Equal(t, 2048, key.N.BitLen())
		assert.Same(t, key, testca.RSA(name))
		assert.Empty(t, names[key.N.String()], name)
		names[key.N.String()] = name
	}
}
