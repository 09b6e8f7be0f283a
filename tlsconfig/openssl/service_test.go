// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A server of this engine passes the kit that a server of crypto/tls does.
func TestServiceOfThisEngineIsRight(t *testing.T) {
	if testing.Short() {
		t.Skip("has a service meet each case")
	}
	needLibrary(t)
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	e := pki.Endpoint(serverName, clientName)
	address := serve(t, e, e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a record") })))
	spinetest.RunService(t, pki, clientName, "https://"+address+"/records/1")
}
