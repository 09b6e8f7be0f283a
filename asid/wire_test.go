// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// through returns a transport through the SSP that captures what is sent.
func through(sent **http.Request) *asid.Transport {
	return &asid.Transport{
		From: consumer.ASID, To: provider.ASID, SSP: mustURL("https://ssp.nhs.uk"), Base: capture(sent),
		Claims: asid.Claims{Organization: ods("AMS01"), User: "1"},
	}
}

func TestHowAURLStandsBehindTheSSPs(t *testing.T) {
	t.Parallel()
	const gpc = "urn:nhs:names:services:gpconnect:fhir:rest:search:patient-1"
	for name, c := range map[string]struct {
		interaction asid.InteractionID
		encoding    asid.Encoding
		target      string
		want        string // empty: refused
	}{
		"a record":                  {"", 0, "https://p1.nhs.uk/Plans/da2b", "https://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2FPlans%2Fda2b"},
		"GP Connect":                {gpc, 0, "https://p1.nhs.uk/fhir/Patient?identifier=s|1", "https://ssp.nhs.uk/https://p1.nhs.uk/fhir/Patient?identifier=s%7C1"},
		"GP Connect, encoded":       {gpc, asid.EncodingPercent, "https://p1.nhs.uk/fhir/Patient", "https://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2Ffhir%2FPatient"},
		"a record, plain":           {"", asid.EncodingPlain, "https://p1.nhs.uk/a%2Fb", "https://ssp.nhs.uk/https://p1.nhs.uk/a%2Fb"},
		"a URL of the successor's":  {"", 0, "ssp://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2FPlans%2Fda2b", "https://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2FPlans%2Fda2b"},
		"another SSP's":             {"", 0, "ssp://evil.example/https%3A%2F%2Fp1.nhs.uk", ""},
		"dot segments":              {"", 0, "https://p1.nhs.uk/a/../b", "https://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2Fa%2F..%2Fb"},
		"dot segments, plain":       {gpc, 0, "https://p1.nhs.uk/../../https://p2.nhs.uk/a", ""},
		"dot segments, half plain":  {gpc, 0, "https://p1.nhs.uk/%2e%2E/a", ""},
		"dot segments, in a value":  {gpc, 0, "https://p1.nhs.uk/a%2F..%2Fb", ""},
		"dot segments, parameters":  {gpc, 0, "https://p1.nhs.uk/a/..;x/b", ""},
		"dot segments, twice":       {gpc, 0, "https://p1.nhs.uk/%252e%252e/b", ""},
		"dot segments, backslashes": {gpc, 0, "https://p1.nhs.uk/a%5C..%5Cb", ""},
		"dot segments, blanks":      {gpc, 0, "https://p1.nhs.uk/a/..%20/b", ""},
		"dot segments, half twice":  {gpc, 0, "https://p1.nhs.uk/%25zz/%252e%252e/b", ""},
		"dots within segments":      {gpc, 0, "https://p1.nhs.uk/..a/.b/...", "https://ssp.nhs.uk/https://p1.nhs.uk/..a/.b/..."},
		"full-width text":           {gpc, 0, "https://p1.nhs.uk/%EF%BC%A1%EF%BC%8E%EF%BC%91/a%EF%BC%8Fb%EF%BC%9F", "https://ssp.nhs.uk/https://p1.nhs.uk/%EF%BC%A1%EF%BC%8E%EF%BC%91/a%EF%BC%8Fb%EF%BC%9F"},
		"the successor's, climbing": {"", 0, "ssp://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk/%2E./admin", ""},
		"an IDNA host":              {"", 0, "https://p1.xn--hs-zja.uk/a", "https://ssp.nhs.uk/https%3A%2F%2Fp1.xn--hs-zja.uk%2Fa"},
		"a host in another script":  {"", 0, "https://p1.ñhs.uk/a", ""},
		"a host that is encoded":    {"", 0, "https://p1%2Enhs.uk/a", ""},
		"a query with a line break": {"", 0, "https://p1.nhs.uk/a?b=%0A", "https://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2Fa%3Fb%3D%250A"},
		"a query half encoded":      {"", 0, "https://p1.nhs.uk/a?b=%zz", ""},
		"a query in another script": {"", 0, "https://p1.nhs.uk/a?b=é", "https://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2Fa%3Fb%3D%25C3%25A9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent *http.Request
			transport := through(&sent)
			transport.Interaction, transport.Encoding = c.interaction, c.encoding
			u, err := url.Parse(c.target)
			if err != nil {
				return // net/url has refused it
			}
			_, err = transport.RoundTrip(&http.Request{Method: http.MethodGet, URL: u})
			if c.want == "" {
				var refused *asid.RequestError
				assert.ErrorAs(t, err, &refused)
				assert.Nil(t, sent)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, "https://ssp.nhs.uk"+sent.URL.RequestURI())
			assert.Equal(t, "ssp.nhs.uk", sent.URL.Host)
		})
	}
}

var beyondASCII = regexp.MustCompile(`[^\x00-\x7F]`)

// Some readers apply Unicode's NFKC to a path that they have decoded, and some decode
// what it makes.
func TestDotSegmentsThatNFKCMakesAreRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/\uFF0E\uFF0E/b", "/.\u2024/b", "/\u2025/b", "/\uFE30/b", "/\uFE52./b", "/a\uFF0F..\uFF0Fb", "/a\uFF3C..\uFE68b", "/..\uFF1Bx/b", "/..\u037Ex",
		"/..\uFE14x", "/..\uFE54x", "/..\uFF1Fx", "/..\u2047", "/..\u2048", "/..\uFE16", "/..\uFE56", "/..\uFF03", "/..\uFE5F",
		"/\uFF052e\uFE6A2e/b", "/%25\uFF12\uFF25./b", "/\uFF05252e./b", "/\uFF05zz/\uFF052e.", "/%25EF%25BC%258E./b",
	} {
		var sent *http.Request
		plain, wrapped := through(&sent), through(&sent)
		plain.Encoding = asid.EncodingPlain
		path = beyondASCII.ReplaceAllStringFunc(path, url.PathEscape)
		_, err := plain.RoundTrip(newRequest(t, http.MethodGet, "https://p1.nhs.uk"+path))
		assert.Equal(t, asid.RuleRequest, requestError(t, err).Rule, "%q", path)
		_, err = wrapped.RoundTrip(newRequest(t, http.MethodGet, "ssp://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk"+path))
		assert.Equal(t, asid.RuleRequest, requestError(t, err).Rule, "%q", path)
		assert.Nil(t, sent, "%q", path)
	}
}

// url.Parse makes no such URL, but a program can: behind the host the path would be
// part of it, and what is opaque is sent in the place of the path.
func TestAURLThatNoTextHasIsRefused(t *testing.T) {
	t.Parallel()
	for _, u := range []*url.URL{
		{Scheme: "https", Host: "p1.nhs.uk", Path: "records/1"}, {Scheme: "https", Host: "p1.nhs.uk", Path: ".example.org/1"},
		{Scheme: "https", Host: "p1.nhs.uk", Path: "*"}, {Scheme: "ssp", Host: "ssp.nhs.uk", Path: "https://p1.nhs.uk/1"},
		{Scheme: "https", Host: "p1.nhs.uk", Path: "/1", Opaque: "//another.nhs.uk/1"}, {Scheme: "https", Host: "p1.nhs.uk", Path: "/1", RawFragment: "x"},
		{Scheme: "https", Host: "p1.nhs.uk", Path: "/1", RawQuery: "a=\n"}, {Scheme: "https", Host: "p1.nhs.uk", Path: "/1", RawQuery: "a=\x7f"},
	} {
		var sent *http.Request
		proxied, direct := through(&sent), through(&sent)
		proxied.Encoding, direct.SSP, direct.Protocol = asid.EncodingPlain, nil, asid.SSP
		for _, transport := range []*asid.Transport{proxied, direct} {
			_, err := transport.RoundTrip(&http.Request{Method: http.MethodGet, URL: u})
			assert.Equal(t, asid.RuleRequest, requestError(t, err).Rule, u)
			assert.Nil(t, sent, u)
		}
	}
}

func TestWithoutAnSSPItsURLsAreRefused(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	transport := through(&sent)
	transport.SSP = nil
	_, err := transport.RoundTrip(&http.Request{Method: http.MethodGet, URL: mustURL("ssp://ssp.nhs.uk/x")})
	assert.Error(t, err)
	assert.Nil(t, sent)
}

func TestTheTokenIsForTheRecordsServerHoweverItsURLIsWritten(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"https://p1.nhs.uk/Plans/da2b":                       "https://p1.nhs.uk",
		"ssp://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2FPlans":   "https://p1.nhs.uk",
		"ssp://ssp.nhs.uk/https://p1.nhs.uk:9443/Plans?a=b":  "https://p1.nhs.uk:9443",
		"ssp://ssp.nhs.uk/http%3A%2F%2Fp1.nhs.uk%2FPlans":    "https://ssp.nhs.uk",
		"ssp://ssp.nhs.uk/x/https%3A%2F%2Fp1.nhs.uk%2FPlans": "https://ssp.nhs.uk",
	} {
		var sent *http.Request
		_, err := through(&sent).RoundTrip(&http.Request{Method: http.MethodGet, URL: mustURL(target)})
		require.NoError(t, err, target)
		assert.Equal(t, "ssp.nhs.uk", sent.URL.Host)
		assert.Contains(t, claimsOf(t, sent), `"aud":"`+want+`"`, target)
	}
}

func TestTheReceiverMayDependOnTheRequest(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	transport := through(&sent)
	transport.To, transport.SSP = asid.ID{}, nil
	transport.Route = func(r *http.Request) (asid.Route, error) {
		if r.URL.Host != "p1.nhs.uk" {
			return asid.Route{}, asid.ErrNotFound
		}
		return asid.Route{To: provider.ASID, SSP: mustURL("https://ssp.nhs.uk")}, nil
	}
	_, err := transport.RoundTrip(newRequest(t, "GET", "https://p1.nhs.uk/a"))
	require.NoError(t, err)
	assert.Equal(t, provider.ASID.String(), sent.Header.Get("Ssp-To"))
	sent = nil
	_, err = transport.RoundTrip(newRequest(t, "GET", "https://p2.nhs.uk/a"))
	assert.ErrorIs(t, err, asid.ErrNotFound)
	assert.Nil(t, sent)
	for _, ssp := range []string{"http://ssp.nhs.uk", "https://ssp.nhs.uk?to=", "https://user@ssp.nhs.uk", "https:///"} {
		transport.Route = func(*http.Request) (asid.Route, error) { return asid.Route{To: provider.ASID, SSP: mustURL(ssp)}, nil }
		for _, target := range []string{"https://p1.nhs.uk/a", "ssp://ssp.nhs.uk/https%3A%2F%2Fp1.nhs.uk"} {
			_, err = transport.RoundTrip(newRequest(t, "GET", target))
			var config *asid.ConfigError
			require.ErrorAs(t, err, &config, ssp)
			assert.Equal(t, "Transport.Route", config.Field)
		}
	}
	assert.Nil(t, sent)
}

func TestAnUnattendedRetrievalOrSearchIsNotSent(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	for _, transport := range []*asid.Transport{
		{From: consumer.ASID, To: nrl, Base: capture(&sent), Claims: asid.Claims{Organization: ods("AMS01")}},
		{From: consumer.ASID, To: nrl, Base: capture(&sent), Claims: asid.Claims{Organization: ods("AMS01")}, SSP: mustURL("https://ssp.nhs.uk")},
	} {
		_, err := transport.RoundTrip(newRequest(t, "GET", "https://nrl.test/STU3/DocumentReference/1"))
		assert.ErrorContains(t, err, "must have User or Patient")
		assert.Nil(t, sent)
	}
}
