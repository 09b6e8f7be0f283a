// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// fetchFrom fetches from a server that answers with the handler.
func fetchFrom(t *testing.T, answer http.HandlerFunc, change func(*revocation.HTTPFetcher)) (*revocation.Response, error) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	fetcher := &revocation.HTTPFetcher{Hosts: revocation.AllowHosts(strings.TrimPrefix(server.URL, "http://"))}
	if change != nil {
		change(fetcher)
	}
	return fetcher.Fetch(t.Context(), revocation.Request{URL: server.URL + "/c.crl", MaxBytes: 1000})
}

// An error says what came in place of a document.
func TestFetchSaysWhatCame(t *testing.T) {
	t.Parallel()
	send := func(status int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header()[headers[i]] = []string{headers[i+1]}
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   []string
	}{
		{"a log-in page", send(200, "\n<!DOCTYPE html><title>Log in</title>", "Content-Type", "text/html"), []string{"text/html", "a web page", "malformed"}},
		{"a gzip file", send(200, "\x1f\x8b\x08", "Content-Type", "application/pkix-crl"), []string{"a gzip file"}},
		{"a zip file", send(200, "PK\x03\x04", "Content-Type", "application/zip"), []string{"a zip file"}},
		{"a redirect", send(302, "", "Location", "http://login.example/?next=crl"), []string{"HTTP status 302", `"http://login.example/?next=crl"`}},
		{"an encoding", send(200, "x", "Content-Encoding", "br"), []string{`Content-Encoding "br"`}},
		{"a long Location", send(302, "", "Location", "http://a/"+strings.Repeat("x", 5000)), []string{`"...`}},
	} {
		_, err := fetchFrom(t, test.answer, nil)
		require.Error(t, err, test.name)
		for _, want := range test.want {
			assert.ErrorContains(t, err, want, test.name)
		}
		assert.Less(t, len(err.Error()), 700, test.name)
		assert.NotContains(t, err.Error(), "\n", test.name)
	}
}

func TestFetchTakesWhatIsADocument(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string]http.Header{
		"no Content-Encoding":         {},
		"an empty Content-Encoding":   {"Content-Encoding": {""}},
		"identity":                    {"Content-Encoding": {"Identity"}},
		"Content-Type of another age": {"Content-Type": {"application/octet-stream"}},
	} {
		for _, status := range []int{http.StatusOK, http.StatusNonAuthoritativeInfo} {
			response, err := fetchFrom(t, func(w http.ResponseWriter, _ *http.Request) {
				for key, values := range headers {
					w.Header()[key] = values
				}
				w.WriteHeader(status)
				w.Write([]byte{0x30, 0})
			}, nil)
			require.NoError(t, err, "%s, %d", name, status)
			assert.Equal(t, []byte{0x30, 0}, response.Body)
		}
	}
}

func TestFetchUserAgent(t *testing.T) {
	t.Parallel()
	var agents []string
	answer := func(_ http.ResponseWriter, r *http.Request) { agents = append(agents, r.UserAgent()) }
	_, err := fetchFrom(t, answer, nil)
	require.NoError(t, err)
	_, err = fetchFrom(t, answer, func(f *revocation.HTTPFetcher) { f.UserAgent = "Supplier/1.0" })
	require.NoError(t, err)
	assert.Equal(t, []string{"nrlsecurity", "Supplier/1.0"}, agents)
}

// A question by POST is asked again where the server has closed a connection that
// a client of the user's kept.
func TestFetchPOSTOnAClosedConnection(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.Equal(t, "question", string(body))
		assert.NotContains(t, r.Header, "Idempotency-Key")
		requests.Add(1)
		w.Write([]byte{0x30, 0})
	}))
	t.Cleanup(server.Close)
	fetcher := &revocation.HTTPFetcher{Client: &http.Client{Transport: &http.Transport{}}, Hosts: revocation.AllowHosts(strings.TrimPrefix(server.URL, "http://"))}
	for range 3 {
		_, err := fetcher.Fetch(t.Context(), revocation.Request{URL: server.URL, Body: []byte("question"), ContentType: "application/ocsp-request", MaxBytes: 100})
		require.NoError(t, err)
		server.CloseClientConnections()
	}
	assert.EqualValues(t, 3, requests.Load())
}

func TestAllowHostsWithTheSchemesPort(t *testing.T) {
	t.Parallel()
	for _, listed := range []string{"crl.nhs.uk", "crl.nhs.uk:80", "CRL.nhs.uk:443"} {
		assert.NoError(t, revocation.AllowHosts(listed)(t.Context(), "crl.nhs.uk"), listed)
		assert.Error(t, revocation.AllowHosts(listed)(t.Context(), "crl.nhs.uk:8080"), listed)
	}
	// The default is where the Spine's certificates point to.
	for _, host := range []string{"crl.nhs.uk", "ocsp.nhs.uk"} {
		fetcher := &revocation.HTTPFetcher{Rewrite: func(*url.URL) (*url.URL, error) { return nil, io.EOF }}
		_, err := fetcher.Fetch(t.Context(), revocation.Request{URL: "http://" + host + "/", MaxBytes: 1})
		assert.ErrorIs(t, err, io.EOF, "allowed, and then sent elsewhere")
	}
}
