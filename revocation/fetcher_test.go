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
	transport := client.Transport.(*http.Transport)
	assert.NotNil(t, transport.Proxy)
	assert.Equal(t, connectTimeout, transport.TLSHandshakeTimeout)
	assert.Equal(t, connectTimeout, transport.ResponseHeaderTimeout, "a server that hangs is found out before a handshake ends")
}
