package revocation

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRefuseSpecial(t *testing.T) {
	for address, refused := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "169.254.169.254:80": true, "0.0.0.0:80": true, "224.0.0.1:80": true,
		"255.255.255.255:80": true, "[::1]:80": true, "[::]:80": true, "[fe80::1%eth0]:80": true, "[ff02::1]:80": true,
		"[::ffff:127.0.0.1]:80": true, "[::ffff:169.254.169.254]:80": true, "[::ffff:0.0.0.0]:80": true, "nonsense": true,
		"[64:ff9b::7f00:1]:80": true, "[64:ff9b::a9fe:a9fe]:80": true, "[::7f00:1]:80": true, "[64:ff9b::c000:201]:80": false,
		"10.1.2.3:80": false, "192.0.2.1:80": false, "[2001:db8::1]:80": false,
	} {
		assert.Equal(t, refused, refuseSpecial("tcp", address, nil) != nil, address)
	}
}

func TestOwnClientIsBounded(t *testing.T) {
	client := new(HTTPFetcher).client()
	assert.Equal(t, requestTimeout, client.Timeout)
	assert.NotNil(t, client.Transport.(*http.Transport).Proxy)
}

func TestRetryAfterDate(t *testing.T) {
	answer := &http.Response{Header: http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}}
	assert.InDelta(t, time.Hour, retryAfter(answer), float64(time.Minute))
	answer.Header.Set("Retry-After", "Mon, 01 Jan 2001 00:00:00 GMT")
	assert.Zero(t, retryAfter(answer))
}
