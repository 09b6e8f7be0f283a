// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const (
	consumerName, consumerASID = "consumer.nhs.uk", "928942012545"
	providerName, providerASID = "provider.nhs.uk", "200000000205"
	sspName                    = "ssp.nhs.uk"
)

// A scene is a provider behind an SSP, and the consumer's files.
type scene struct {
	files    *exampletest.Files
	end      *tlsconfig.Endpoint // the provider's
	provider *spinetest.Server
	ssp      *asidtest.SSP
	args     []string
}

func newScene(t *testing.T) *scene {
	files := exampletest.OwnFiles(t)
	registry, err := asid.NewMemory(
		asid.System{ASID: asid.MustParseID(consumerASID), ODS: []asid.ODSCode{ods(t, "RGD")}, FQDNs: []string{consumerName},
			Interactions: []asid.InteractionID{asid.DocumentReferenceContentRead}},
		asid.System{ASID: asid.MustParseID(providerASID), ODS: []asid.ODSCode{ods(t, "RR8")}, FQDNs: []string{providerName},
			Interactions: []asid.InteractionID{asid.DocumentReferenceCreate}},
	)
	require.NoError(t, err)
	gate := &asid.Gate{Self: asid.MustParseID(providerASID), Peers: asid.InsecureUnverifiedPeers{}}
	s := &scene{files: files}
	s.end = files.PKI.Endpoint(providerName, sspName, consumerName)
	s.provider = files.PKI.NewServer(s.end,
		gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "record "+r.URL.Path) })))
	t.Cleanup(s.provider.Close)
	s.ssp = asidtest.NewSSP(files.PKI, sspName, registry)
	t.Cleanup(s.ssp.Close)
	own := files.Leaf(t, consumerName)
	s.args = []string{"-cert", own.Cert, "-key", own.Key, "-roots", files.Roots, "-subcas", files.SubCAs, "-crl", files.CRL, "-crl", files.ARL,
		"-from", consumerASID, "-to", providerASID, "-ods", "RGD", "-user", "111222333444"}
	return s
}

func ods(t *testing.T, code string) asid.ODSCode {
	parsed, err := asid.ParseODSCode(code)
	require.NoError(t, err)
	return parsed
}

// retrieve runs the program. A flag that is given again takes the last value.
func (s *scene) retrieve(t *testing.T, more ...string) (stdout, stderr string, err error) {
	var out, log bytes.Buffer
	err = run(t.Context(), append(s.args[:len(s.args):len(s.args)], more...), &out, &log)
	return out.String(), log.String(), err
}

func TestConsumer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const record = "https://" + providerName + "/records/1"
	viaSSP := []string{"-url", record, "-ssp", s.ssp.URL, "-fqdn", sspName}
	direct := []string{"-url", s.provider.URL + "/records/1", "-fqdn", providerName}

	engines := []string{"native"}
	if openssl.Available() == nil {
		engines = append(engines, "openssl")
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			for name, way := range map[string][]string{"through the SSP": viaSSP, "from the provider itself": direct} {
				stdout, stderr, err := s.retrieve(t, append(way, "-engine", engine)...)
				require.NoError(t, err, name)
				assert.Equal(t, "record /records/1", stdout, name)
				assert.Contains(t, stderr, "status 200 OK\nsuite ECDHE-RSA-AES256-GCM-SHA384\nprotocol TLS 1.2\npeer ", name)
			}
			_, stderr, err := s.retrieve(t, append(direct, "-engine", engine, "-suite", "ECDHE-RSA-AES256-SHA")...)
			require.NoError(t, err)
			assert.Contains(t, stderr, "suite ECDHE-RSA-AES256-SHA\n")

			_, _, err = s.retrieve(t, append(direct, "-engine", engine, "-fqdn", "other.nhs.uk")...)
			assert.ErrorContains(t, err, "fqdn")
		})
	}

	t.Run("an ASID that is not the certificate's", func(t *testing.T) {
		stdout, _, err := s.retrieve(t, append(viaSSP, "-from", providerASID)...)
		require.ErrorContains(t, err, "403")
		assert.Contains(t, stdout, "ACCESS_DENIED")
	})
	for name, more := range map[string][]string{
		"no ASID":                      {"-from", ""},
		"an ODS code that is none":     {"-ods", "R R 8"},
		"a suite that is none":         {"-suite", "AES128-SHA"},
		"a suite that native lacks":    {"-suite", "DHE-RSA-AES256-SHA"},
		"an engine that is none":       {"-engine", "gnutls"},
		"an interaction that is none":  {"-interaction", "read"},
		"an argument that is no flag":  {"more"},
		"a URL that is not https":      {"-url", "http://provider.nhs.uk/records/1"},
		"a key that is another's":      {"-key", s.files.Leaf(t, "another.nhs.uk").Key},
		"pins that are not there":      {"-roots", "/nowhere"},
		"an SSP that is not https":     {"-ssp", "http://ssp.nhs.uk"},
		"a record URL with a fragment": {"-url", "https://provider.nhs.uk/records/1#x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.retrieve(t, append(viaSSP, more...)...)
			assert.Error(t, err)
		})
	}
}

func TestAnAnswersStatusDoesNothingToATerminal(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	server := s.files.PKI.NewServer(s.files.PKI.Endpoint(providerName, consumerName), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			defer conn.Close()
			buffered.WriteString("HTTP/1.1 404 Not\x1b[2J here\r\nContent-Length: 0\r\n\r\n")
			buffered.Flush()
		}
	}))
	t.Cleanup(server.Close)
	_, stderr, err := s.retrieve(t, "-url", server.URL+"/records/1", "-fqdn", providerName)
	require.Error(t, err)
	assert.Contains(t, stderr, "status 404 Not[2J here\n")
	assert.NotContains(t, err.Error(), "\x1b")
}

func TestConsumerRefusesARevokedServer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	server, err := s.end.Certificate(t.Context())
	require.NoError(t, err)
	s.files.PKI.Authority.Revoke(server.Leaf, revocation.ReasonKeyCompromise, time.Now())
	s.files.WriteCRLs(t) // in the place of those that the arguments name
	_, _, err = s.retrieve(t, "-url", s.provider.URL+"/records/1", "-fqdn", providerName)
	revoked, ok := errors.AsType[*revocation.RevokedError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, revocation.ReasonKeyCompromise, revoked.Reason)
}
