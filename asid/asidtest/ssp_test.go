// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const (
	consumer     = "consumer.rr7.nhs.uk"
	providerName = "nrl-rr8.supplier.thirdparty.nhs.uk"
	proxy        = "msg.int.spine2.ncrs.nhs.uk"
)

var (
	consumerASID = asid.MustParseID("200000000115")
	providerASID = asid.MustParseID("200000000205")
	clerkASID    = asid.MustParseID("200000000300") // may not retrieve
)

// An exchange is a consumer, an SSP and a provider.
type exchange struct {
	pki      *spinetest.PKI
	ssp      *asidtest.SSP
	provider *spinetest.Server
	cert     tls.Certificate // the consumer's
}

// newExchange starts one; the provider takes what the SSP forwards.
func newExchange(t *testing.T, records http.HandlerFunc) *exchange {
	t.Helper()
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	registry, err := asid.NewMemory(
		asid.System{ASID: consumerASID, ODS: []asid.ODSCode{ods("RR7")}, FQDNs: []string{consumer},
			Interactions: []asid.InteractionID{asid.DocumentReferenceContentRead}},
		asid.System{ASID: clerkASID, ODS: []asid.ODSCode{ods("RR7")}, FQDNs: []string{consumer},
			Interactions: []asid.InteractionID{asid.DocumentReferenceSearch}},
		asid.System{ASID: providerASID, ODS: []asid.ODSCode{ods("RR8")}, FQDNs: []string{providerName, "down.thirdparty.nhs.uk", "fake.thirdparty.nhs.uk"}},
	)
	require.NoError(t, err)
	gate := &asid.Gate{Self: providerASID, Peers: asid.InsecureUnverifiedPeers{}}
	server := pki.NewServer(pki.Endpoint(providerName, proxy), gate.Middleware(records))
	t.Cleanup(server.Close)
	ssp := asidtest.NewSSP(pki, proxy, registry)
	t.Cleanup(ssp.Close)
	return &exchange{pki, ssp, server, pki.Issue(consumer)}
}

const record = "https://" + providerName + "/Plans/da2b%2F6?v=1&w=%20x"

// get retrieves the record; the body counts for status 200 only.
func (x *exchange) get(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	response, err := client.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func answer(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "plan "+r.Host+r.RequestURI+" "+r.TLS.PeerCertificates[0].Subject.CommonName+" "+
		r.Header.Get("Ssp-From")+" "+r.Header.Get("X-Forwarded-For"))
}

func TestARecordComesThroughTheSSP(t *testing.T) {
	t.Parallel()
	x := newExchange(t, answer)
	status, body := x.get(t, x.ssp.Client(x.cert, consumerASID, providerASID), record)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "plan "+providerName+"/Plans/da2b%2F6?v=1&w=%20x "+proxy+" 200000000115 ", body)

	client := x.ssp.Client(x.cert, consumerASID, providerASID)
	response, err := client.Head(record)
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
}

func TestWhatTheProviderAnswersIsPassedOn(t *testing.T) {
	t.Parallel()
	x := newExchange(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		w.WriteHeader(http.StatusGone)
		io.WriteString(w, "gone")
	})
	status, body := x.get(t, x.ssp.Client(x.cert, consumerASID, providerASID), record)
	assert.Equal(t, http.StatusGone, status)
	assert.Equal(t, "gone", body)
}

func TestTheSSPRefuses(t *testing.T) {
	t.Parallel()
	x := newExchange(t, answer)
	revoked := x.pki.Issue(consumer)
	x.pki.Authority.Revoke(revoked.Leaf, revocation.ReasonUnspecified, time.Now())
	for name, c := range map[string]struct {
		cert     tls.Certificate
		from, to asid.ID
		url      string
		status   int
		says     string
	}{
		"a client without a certificate":        {tls.Certificate{}, consumerASID, providerASID, record, 496, "required"},
		"an expired certificate":                {x.pki.Issue(consumer, spinetest.Expired()), consumerASID, providerASID, record, 495, "validity"},
		"a revoked certificate":                 {revoked, consumerASID, providerASID, record, 495, "revoked"},
		"a certificate of the sibling SubCA":    {x.pki.Issue(consumer, spinetest.FromOtherSubCA()), consumerASID, providerASID, record, 495, "subca"},
		"a certificate that speaks for no name": {x.pki.Issue("*.nhs.uk"), consumerASID, providerASID, record, 495, "fqdn"},
		"a certificate of another system":       {x.pki.Issue("other.nhs.uk"), consumerASID, providerASID, record, 403, "ACCESS_DENIED"},
		"an ASID that is unknown":               {x.cert, asid.MustParseID("200000009999"), providerASID, record, 403, "ASID_CHECK_FAILED"},
		"an ASID without the interaction":       {x.cert, clerkASID, providerASID, record, 403, "ASID_CHECK_FAILED"},
		"a receiver that is unknown":            {x.cert, consumerASID, asid.MustParseID("200000009999"), record, 403, "ASID_CHECK_FAILED"},
		"a receiver with another host":          {x.cert, consumerASID, consumerASID, record, 403, "ASID_CHECK_FAILED"},
		"a URL with a port":                     {x.cert, consumerASID, providerASID, "https://" + providerName + ":8443/1", 400, "port"},
		"a provider that is down":               {x.cert, consumerASID, providerASID, "https://down.thirdparty.nhs.uk/1", 502, "no server"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := x.get(t, x.ssp.Client(c.cert, c.from, c.to), c.url)
			assert.Equal(t, c.status, status, body)
			assert.Contains(t, body, c.says)
		})
	}
}

func TestTheSSPRefusesAnotherProvidersCertificate(t *testing.T) {
	t.Parallel()
	x := newExchange(t, answer)
	// A server with a certificate of the Spine, of another name than was dialled.
	x.pki.SetHost("fake.thirdparty.nhs.uk", strings.TrimPrefix(x.provider.URL, "https://"))
	status, body := x.get(t, x.ssp.Client(x.cert, consumerASID, providerASID), "https://fake.thirdparty.nhs.uk/1")
	assert.Equal(t, http.StatusBadGateway, status)
	assert.Contains(t, body, "fqdn")
}

// raw sends a request as it is to the SSP, with good headers.
func (x *exchange) raw(t *testing.T, method, requestURI string, change func(http.Header)) *http.Response {
	t.Helper()
	headers := make(chan http.Header, 1)
	// The headers are those that a Transport makes.
	capture := &asid.Transport{From: consumerASID, To: providerASID, Interaction: asid.DocumentReferenceContentRead, Protocol: asid.SSP,
		Claims: asid.Claims{Organization: ods("RR7"), User: "1"}, Base: roundTripper(func(r *http.Request) (*http.Response, error) {
			headers <- r.Header
			return nil, errors.New("captured")
		})}
	made, err := http.NewRequest(http.MethodGet, record, nil)
	require.NoError(t, err)
	_, err = capture.RoundTrip(made)
	require.ErrorContains(t, err, "captured")

	request, err := http.NewRequest(method, x.ssp.URL, nil)
	require.NoError(t, err)
	request.URL.Opaque = requestURI
	request.Header = <-headers
	if change != nil {
		change(request.Header)
	}
	config, err := x.pki.Endpoint(consumer, proxy).ClientConfig()
	require.NoError(t, err)
	response, err := (&http.Transport{TLSClientConfig: config, DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return response
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheSSPReadsPathsStrictly(t *testing.T) {
	t.Parallel()
	x := newExchange(t, answer)
	assert.Equal(t, http.StatusOK, x.raw(t, http.MethodGet, "/"+url.QueryEscape(record), nil).StatusCode)
	for _, uri := range []string{
		"/",
		"/https://" + providerName + "/1",       // not encoded
		"/https%3A%2F%2F" + providerName + "/1", // half encoded
		"/" + url.QueryEscape(record) + "?x=1",  // a query of its own
		"/" + url.QueryEscape("http://"+providerName+"/1"),              // not https
		"/" + url.QueryEscape("https://user@"+providerName+"/1"),        // a user
		"/" + url.QueryEscape("https://"+providerName+"/1#part"),        // a fragment
		"/" + url.QueryEscape("https:///1"),                             // no host
		"/" + url.QueryEscape("ftp://"+providerName+"/1"),               // another scheme
		"/" + url.QueryEscape(url.QueryEscape("https://"+providerName)), // encoded twice
	} {
		assert.Equal(t, http.StatusBadRequest, x.raw(t, http.MethodGet, uri, nil).StatusCode, uri)
	}
}

func TestTheSSPWantsItsHeaders(t *testing.T) {
	t.Parallel()
	x := newExchange(t, answer)
	uri := "/" + url.QueryEscape(record)
	for name, change := range map[string]func(http.Header){
		"no Ssp-From":        func(h http.Header) { h.Del("Ssp-From") },
		"no Ssp-To":          func(h http.Header) { h.Del("Ssp-To") },
		"Ssp-To, malformed":  func(h http.Header) { h.Set("Ssp-To", "12") },
		"Ssp-To twice":       func(h http.Header) { h.Add("Ssp-To", providerASID.String()) },
		"no interaction":     func(h http.Header) { h.Del("Ssp-InteractionID") },
		"no trace":           func(h http.Header) { h.Del("Ssp-TraceID") },
		"no token":           func(h http.Header) { h.Del("Authorization") },
		"another kind of it": func(h http.Header) { h.Set("Authorization", "Basic eDp5") },
	} {
		assert.Equal(t, http.StatusBadRequest, x.raw(t, http.MethodGet, uri, change).StatusCode, name)
	}
	response := x.raw(t, http.MethodPost, uri, nil)
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	assert.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
}

func TestAProviderThatIsSlowOrEndless(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	x := newExchange(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-released:
			case <-r.Context().Done():
			}
			return
		}
		if r.URL.Path == "/announced" {
			w.Header().Set("Content-Length", "100000000")
			return
		}
		for _, err := w.Write(make([]byte, 1<<20)); err == nil; {
			_, err = w.Write(make([]byte, 1<<20))
		}
	})
	defer close(released)
	client := x.ssp.Client(x.cert, consumerASID, providerASID)

	status, _ := x.get(t, client, "https://"+providerName+"/announced")
	assert.Equal(t, http.StatusBadGateway, status)

	response, err := client.Get("https://" + providerName + "/endless")
	require.NoError(t, err)
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	assert.Error(t, err, "the connection is cut: what came is no record")
	assert.LessOrEqual(t, n, int64(64<<20))

	x.ssp.Timeout = 50 * time.Millisecond
	status, _ = x.get(t, client, "https://"+providerName+"/slow")
	assert.Equal(t, http.StatusGatewayTimeout, status)
}

func TestTheSSPItselfMeetsTheGuidance(t *testing.T) {
	t.Parallel()
	x := newExchange(t, answer)
	// It answers a bad certificate by a status, so only the rest is on trial.
	config, err := x.pki.Endpoint(consumer, proxy).ClientConfig()
	require.NoError(t, err)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &x.cert, nil }
	conn, err := tls.Dial("tcp", strings.TrimPrefix(x.ssp.URL, "https://"), config)
	require.NoError(t, err)
	defer conn.Close()
	assert.Equal(t, uint16(tls.VersionTLS12), conn.ConnectionState().Version)
	assert.Equal(t, uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384), conn.ConnectionState().CipherSuite)
}
