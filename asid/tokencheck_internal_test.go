// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Without the sender's system there is nothing that the token could agree with.
func TestATokenThatCannotBeComparedIsRefused(t *testing.T) {
	t.Parallel()
	_, ok := new(Token).check(&tokenRules{level: TokenAgreement, interaction: DocumentReferenceRead}).(*RegistryError)
	assert.True(t, ok, "it is not the sender's fault")
}
