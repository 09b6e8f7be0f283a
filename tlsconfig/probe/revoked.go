// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// isRevoked tells a certificate that is revoked from one of which no source could
// tell.
func isRevoked(err error) bool {
	_, ok := errors.AsType[*revocation.RevokedError](err)
	return ok
}
