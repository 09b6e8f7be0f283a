// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/internal/corpustest"
	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A verifiedPeer has been verified, and has one name.
type verifiedPeer string

// A corpusPeer is the peer of a case's connection, as a front would judge it.
type corpusPeer struct{ *testdata.Request }

func (p corpusPeer) Peer(r *http.Request) (*x509.Certificate, error) {
	if p.Version != "" {
		if p.Version != "TLSv1.2" {
			return nil, &asidtest.PeerError{Rule: tlsconfig.RuleVersion.String()}
		}
		if _, err := tlsconfig.ParseSuite(p.Suite); err != nil {
			return nil, &asidtest.PeerError{Rule: tlsconfig.RuleSuite.String()}
		}
	}
	return verifiedPeer(p.FQDN).Peer(r)
}

func (p verifiedPeer) Peer(*http.Request) (*x509.Certificate, error) {
	name := pkix.Name{CommonName: string(p), Names: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: string(p)}}}
	return &x509.Certificate{Subject: name}, nil
}

// A silentRegistry cannot be asked.
type silentRegistry struct{}

func (silentRegistry) Lookup(context.Context, asid.ID) (*asid.System, error) {
	return nil, errors.New("no connection")
}

// Each request of the corpus is let pass or answered as its case says.
func TestCorpusOfRequests(t *testing.T) {
	t.Parallel()
	meant := func(c *testdata.Case) bool { return c.Request != nil }
	corpustest.Each(t, meant, func(t *testing.T, c *testdata.Case) {
		var registry asid.Registry = silentRegistry{}
		if c.Request.Registry != "" {
			data, err := testdata.FS.ReadFile(c.Request.Registry)
			require.NoError(t, err)
			registry, err = asid.ReadRegistry(bytes.NewReader(data))
			require.NoError(t, err)
		}
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
			handler = (&asid.Authorizer{Registry: registry, Self: self, Peers: corpusPeer{c.Request}, Time: clock, ErrorHandler: refuse}).Middleware(next)
		case "provider":
			gate := &asid.Gate{Self: self, Peers: corpusPeer{c.Request}, Time: clock, ErrorHandler: refuse}
			handler = gate.Middleware(next)
			if len(c.Request.Endpoints) > 0 {
				var endpoints []asid.Endpoint
				for _, e := range c.Request.Endpoints {
					endpoints = append(endpoints, asid.Endpoint{Path: e.Path, Interaction: asid.InteractionID(e.Interaction), Methods: e.Methods, Handler: next})
				}
				var err error
				handler, err = gate.Handler(endpoints...)
				require.NoError(t, err)
			}
		}
		request, err := c.Request.NewRequest("")
		require.NoError(t, err)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request.WithContext(t.Context()))
		if c.Verdict == testdata.Accept {
			require.True(t, passed, "%v", refusal)
			return
		}
		require.False(t, passed, "let through")
		rule := ""
		if e, ok := errors.AsType[*asid.RequestError](refusal); ok {
			rule = string(e.Rule)
		} else if _, ok := errors.AsType[*asid.RegistryError](refusal); ok {
			rule = "registry"
		}
		if word, ok := errors.AsType[interface {
			error
			PeerRule() string
		}](refusal); ok {
			rule = word.PeerRule()
		}
		assert.Equal(t, c.Rule, rule, "%v", refusal)
		if c.Request.Method != http.MethodHead {
			assert.NoError(t, c.Request.Answered(answer.Code, answer.Body.Bytes()))
		}
	})
}

// Each registry of the corpus is read, or refused as a whole.
func TestCorpusOfRegistries(t *testing.T) {
	t.Parallel()
	meant := func(c *testdata.Case) bool { return c.Registry != nil }
	corpustest.Each(t, meant, func(t *testing.T, c *testdata.Case) {
		registry, err := asid.ReadRegistry(bytes.NewReader(c.Registry.Bytes()))
		if c.Verdict == testdata.Accept {
			require.NoError(t, err)
			for _, id := range c.Registry.ASIDs {
				system, err := registry.Lookup(t.Context(), asid.MustParseID(id))
				require.NoError(t, err)
				assert.Equal(t, id, system.ASID.String())
			}
			return
		}
		refused, ok := errors.AsType[*asid.RegistryError](err)
		require.True(t, ok, "let through, or refused without a rule: %v", err)
		assert.NotEmpty(t, refused.Error())
		assert.Nil(t, registry)
	})
}
