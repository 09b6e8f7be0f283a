// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// One Gate serves the NRL's records and two interactions of GP Connect, to a
// client of other people's over mutual TLS. Each has its own rules.
func TestOneGateForTwoAPIsOverCurl(t *testing.T) {
	t.Parallel()
	curl := testenv.Need(t, "curl", "curl")
	pki := spinetest.NewPKI()
	defer pki.Close()
	end := pki.Endpoint("provider.nhs.uk", sspName)
	gate := &asid.Gate{Self: provider.ASID, Peers: end, Tokens: asid.TokenClaims, Time: func() time.Time { return issued }}
	handler, err := gate.Handler(
		asid.Endpoint{Path: "/records/{id}", Interaction: asid.DocumentReferenceContentRead, Handler: says("record")},
		asid.Endpoint{Path: "/gpc/Patient/{id}", Methods: []string{"GET"}, Interaction: gpcRead, Handler: says("patient")},
		asid.Endpoint{Path: "/gpc/Patient/$gpc.getstructuredrecord", Methods: []string{"POST"}, Interaction: gpcRecord, Handler: says("structured")},
	)
	require.NoError(t, err)
	server := pki.NewServer(end, handler)
	defer server.Close()

	folder := t.TempDir()
	write := func(name, kind string, ders ...[]byte) string {
		return testca.WritePEM(folder, name, kind, ders...)
	}
	// files returns curl's flags for a certificate of that name.
	files := func(fqdn string) []string {
		cert := pki.Issue(fqdn)
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		require.NoError(t, err)
		return []string{"--cert", write(fqdn+".pem", "CERTIFICATE", cert.Certificate...), "--key", write(fqdn+".key", "PRIVATE KEY", key)}
	}
	ssp, another := files(sspName), files("another.nhs.uk")

	// ask returns the answer's status and body. curl's own check of the server's name
	// needs a subjectAltName, which the Spine's certificates lack.
	ask := func(own []string, method, path string, interaction asid.InteractionID, token string) (status int, body string) {
		t.Helper()
		args := append([]string{"-sS", "-i", "--insecure", "--http1.1", "--path-as-is", "-X", method}, own...)
		for name, value := range map[string]string{
			"Ssp-From": consumer.ASID.String(), "Ssp-To": provider.ASID.String(), "Ssp-TraceID": "09a01679-2564-0fb4-5129-aecc81ea2706",
			"Ssp-InteractionID": string(interaction), "Authorization": "Bearer " + token,
		} {
			args = append(args, "-H", name+": "+value)
		}
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), curl, append(args, server.URL+path)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), "%s", &stderr)
		header, body, _ := strings.Cut(stdout.String(), "\r\n\r\n")
		_, err := fmt.Sscanf(header, "HTTP/1.1 %d", &status)
		require.NoError(t, err)
		assert.Contains(t, header, "Cache-Control: no-store")
		return status, body
	}
	tokens := map[asid.InteractionID]string{
		asid.DocumentReferenceContentRead: retrieving().token(t), gpcRead: gpConnect().token(t), gpcRecord: gpConnect().token(t),
	}
	endpoints := []struct {
		method, path string
		interaction  asid.InteractionID
		want         string
	}{
		{"GET", "/records/a%2Fb", asid.DocumentReferenceContentRead, "record a/b"},
		{"GET", "/gpc/Patient/7", gpcRead, "patient 7"},
		{"POST", "/gpc/Patient/$gpc.getstructuredrecord", gpcRecord, "structured "},
	}
	for _, e := range endpoints {
		for interaction, token := range tokens {
			status, body := ask(ssp, e.method, e.path, interaction, token)
			if interaction == e.interaction {
				assert.Equal(t, http.StatusOK, status, body)
				assert.Equal(t, e.want, body)
			} else {
				assert.Equal(t, http.StatusBadRequest, status, "%s %s as %s", e.method, e.path, interaction)
				assert.Equal(t, "MISSING_OR_INVALID_HEADER", code(body))
			}
		}
		method := map[string]string{"GET": "POST", "POST": "GET"}[e.method]
		status, body := ask(ssp, method, e.path, e.interaction, tokens[e.interaction])
		assert.Equal(t, http.StatusBadRequest, status, "%s %s", method, e.path)
		assert.Equal(t, "BAD_REQUEST", code(body))
	}
	// The NRL has no tokens of GP Connect's shape.
	status, body := ask(ssp, "GET", "/records/1", asid.DocumentReferenceContentRead, tokens[gpcRead])
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "MISSING_OR_INVALID_HEADER", code(body))
	for _, path := range []string{"/records/../gpc/Patient/7", "/records/..%2Fgpc%2FPatient%2F7", "//gpc/Patient/7", "/gpc/Patient/7/", "/gpc"} {
		for interaction, token := range tokens {
			status, body := ask(ssp, "GET", path, interaction, token)
			assert.Equal(t, http.StatusBadRequest, status, path)
			assert.Equal(t, "BAD_REQUEST", code(body), path)
		}
	}
	// The certificate is the Spine's and not the SSP's: the handshake fails.
	args := append([]string{"-sS", "--insecure", "--http1.1"}, another...)
	assert.Error(t, exec.CommandContext(t.Context(), curl, append(args, server.URL+"/records/1")...).Run())
}
