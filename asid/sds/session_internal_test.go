// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A refusal is remembered for each key that met it, so what the directory says in
// it must not be.
func TestLittleOfADirectorysRefusalIsKept(t *testing.T) {
	t.Parallel()
	message := ldap.NewControlPaging(1).Encode() // a packet
	for code, whole := range map[uint16]bool{
		ldap.LDAPResultInsufficientAccessRights: true, ldap.LDAPResultSizeLimitExceeded: false, ldap.LDAPResultBusy: true,
	} {
		given := &ldap.Error{ResultCode: code, MatchedDN: "o=nhs", Err: errors.New("no\n" + strings.Repeat("x", 1<<20)), Packet: message}
		err := partial(given)
		assert.Less(t, len(err.Error()), 500)
		assert.NotContains(t, err.Error(), "\n")
		assert.Equal(t, !whole, errors.Is(err, ErrPartial))
		assert.Equal(t, code == ldap.LDAPResultBusy, broken(err))
		kept, ok := errors.AsType[*ldap.Error](err)
		require.True(t, ok)
		assert.Equal(t, code, kept.ResultCode)
		assert.Nil(t, kept.Packet)
	}
	// What went wrong here is wrapped as before.
	cause := errors.New("reset")
	assert.ErrorIs(t, partial(ldap.NewError(ldap.ErrorNetwork, cause)), cause)
}
