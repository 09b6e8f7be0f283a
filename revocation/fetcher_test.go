// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOwnClientIsBounded(t *testing.T) {
	client := new(HTTPFetcher).client()
	assert.Equal(t, requestTimeout, client.Timeout)
	assert.NotNil(t, client.Transport.(*http.Transport).Proxy)
}
