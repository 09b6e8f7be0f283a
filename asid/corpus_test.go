// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A verifiedPeer has been verified, and has one name.
type verifiedPeer string

func (p verifiedPeer) Peer(*http.Request) (*x509.Certificate, error) {
	name := pkix.Name{CommonName: string(p), Names: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: string(p)}}}
	return &x509.Certificate{Subject: name}, nil
}

// Each request of the corpus is let pass or answered as its case says.
func TestCorpusOfRequests(t *testing.T) {
	t.Parallel()
	for _, c := range testdata.Cases() {
		if c.Request == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			data, err := testdata.FS.ReadFile(c.Request.Registry)
			require.NoError(t, err)
			registry, err := asid.ReadRegistry(bytes.NewReader(data))
			require.NoError(t, err)
			self := asid.MustParseID(c.Request.Self)
			clock := func() time.Time { return c.Request.At }
			var refusal error
			refuse := func(w http.ResponseWriter, r *http.Request, err error) {
				refusal = err
				asid.WriteError(w, r, err)
			}
			passed := false
			next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })
			var handler http.Handler
			switch c.Request.Server {
			case "nrl":
				handler = (&asid.Authorizer{Registry: registry, Self: self, Peers: verifiedPeer(c.Request.FQDN), Time: clock, ErrorHandler: refuse}).Middleware(next)
			case "provider":
				handler = (&asid.Gate{Self: self, Peers: verifiedPeer(c.Request.FQDN), Time: clock, ErrorHandler: refuse}).Middleware(next)
			}
			target, err := url.ParseRequestURI(c.Request.Target)
			require.NoError(t, err)
			request := &http.Request{Method: c.Request.Method, URL: target, RequestURI: c.Request.Target, Host: "nrl.corpus.nhs.uk",
				Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}
			for _, h := range c.Request.Headers {
				request.Header.Add(h[0], h[1])
			}
			request.Header.Add("Accept", "application/fhir+json")
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request.WithContext(t.Context()))
			if c.Verdict == testdata.Accept {
				require.True(t, passed, "%v", refusal)
				return
			}
			require.False(t, passed, "what must be refused has reached the handler")
			e, ok := errors.AsType[*asid.RequestError](refusal)
			require.True(t, ok, "%v", refusal)
			assert.Equal(t, c.Rule, string(e.Rule), "%v", refusal)
			assert.Equal(t, c.Request.Status, answer.Code)
			var outcome struct {
				Issue []struct {
					Details struct{ Coding []struct{ Code string } }
				}
			}
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &outcome))
			assert.Equal(t, c.Request.Code, outcome.Issue[0].Details.Coding[0].Code)
		})
	}
}
