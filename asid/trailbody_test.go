// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// A RoundTripper may read the body on when it has returned (http.RoundTripper says
// so): a server has answered early. The race detector tells.
func TestABodyMayBeReadBesideItsRecord(t *testing.T) {
	t.Parallel()
	var log ledger
	read := make(chan struct{})
	transport := &asid.Transport{
		From: consumer.ASID, To: nrl, Claims: asid.Claims{Organization: ods("AMS01")}, Interaction: asid.DocumentReferenceCreate,
		Logger: log.logger(), Audit: &asid.Audit{IncludeBodies: 100},
		Base: roundTripper(func(r *http.Request) (*http.Response, error) {
			begun := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = r.Body.Read(make([]byte, 6))
				close(begun)
				_, _ = io.Copy(io.Discard, r.Body)
			}()
			<-begun
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
		}),
	}
	r := newRequest(t, http.MethodPost, "https://nrl.test/STU3/DocumentReference")
	r.Body = io.NopCloser(strings.NewReader("begins, and goes on"))
	_, err := transport.RoundTrip(r)
	require.NoError(t, err)
	<-read
	assert.Contains(t, log.one(t)["request"], "begins")
}

func TestABodyIsNotCutWithinACharacter(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "", 2: "é", 3: "é", 4: "é", 5: "é€", 6: "é€", 8: "é€", 9: "é€😀", 10: "é€😀x", 99: "é€😀x"} {
		var log ledger
		gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger(), Audit: &asid.Audit{IncludeBodies: n}}
		serve(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "é€😀x") })), retrieval())
		got, _ := log.one(t)["response"].(string)
		assert.Equal(t, want, got, "%d bytes", n)
	}
}
