// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// A handler that minds no method would grant a CONNECT, after which HAProxy hands its
// client's octets on unread: the next request on the connection could be another client's.
func TestNoClientIsGivenTheProxysConnection(t *testing.T) {
	t.Parallel()
	pki := spine()
	f := newFront(pki, front.HAProxy)
	f.Secret, f.Proxies = "", nil
	address := filepath.Join(t.TempDir(), "front.sock")
	listener, err := net.Listen("unix", address)
	require.NoError(t, err)
	served := make(chan string, 10)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ConnContext: f.ConnContext, Handler: f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		served <- r.Method
	}))}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	conn, err := net.Dial("unix", address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprint(conn, "CONNECT provider.nhs.uk:443 HTTP/1.1\r\nHost: provider.nhs.uk:443\r\n\r\nGET / HTTP/1.1\r\nHost: provider.nhs.uk\r\n\r\n")
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	response, err := http.ReadResponse(answers, &http.Request{Method: http.MethodGet})
	require.NoError(t, err)
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	_, err = answers.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	assert.Empty(t, served)
}
