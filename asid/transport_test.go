// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// capture is a Base that keeps what it is given.
func capture(sent **http.Request) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		*sent = r
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})
}

func newRequest(t *testing.T, method, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	require.NoError(t, err)
	return r
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func claimsOf(t *testing.T, r *http.Request) string {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	require.Len(t, parts, 3)
	require.Empty(t, parts[2])
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(t, err)
	require.Equal(t, `{"alg":"none","typ":"JWT"}`, string(header))
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	return string(payload)
}

func TestTheHeadersOfTheNRLAreAdded(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	transport := &asid.Transport{
		From: consumer.ASID, To: nrl, Base: capture(&sent),
		Claims: asid.Claims{Organization: ods("AMS01"), User: "555021935107"},
		Time:   func() time.Time { return time.Unix(1795435200, 999) },
	}
	r := newRequest(t, http.MethodGet, "https://nrl.nhs.uk/nrl-ri/STU3/DocumentReference/4711?_format=json")
	r.Header.Set("Accept", "application/fhir+json")
	before := r.Clone(t.Context())
	resp, err := transport.RoundTrip(r)
	require.NoError(t, err)
	resp.Body.Close()

	assert.Equal(t, http.Header{
		"Accept":        {"application/fhir+json"},
		"Fromasid":      {"928942012545"},
		"Toasid":        {"999999999999"},
		"Interactionid": {string(asid.DocumentReferenceRead)},
		"Authorization": sent.Header["Authorization"],
	}, sent.Header)
	assert.JSONEq(t, `{
		"iss": "https://fhir.nhs.uk/Id/accredited-system|928942012545",
		"sub": "https://fhir.nhs.uk/Id/sds-role-profile-id|555021935107",
		"aud": "https://nrl.nhs.uk",
		"iat": 1795435200, "exp": 1795435500,
		"reason_for_request": "directcare",
		"scope": "patient/DocumentReference.read",
		"requesting_system": "https://fhir.nhs.uk/Id/accredited-system|928942012545",
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|AMS01",
		"requesting_user": "https://fhir.nhs.uk/Id/sds-role-profile-id|555021935107"
	}`, claimsOf(t, sent))
	assert.Equal(t, before.Header, r.Header, "the caller's request is not changed")
	assert.Equal(t, before.URL, r.URL)
	assert.Equal(t, r.Context(), sent.Context())
}

func TestWhoAsksIsTheSubjectOfTheToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claims asid.Claims
		method string
		want   []string
	}{
		"unattended": {asid.Claims{Organization: ods("RR8")}, http.MethodPost, []string{
			`"sub":"https://fhir.nhs.uk/Id/accredited-system|200000000205"`, `"scope":"patient/DocumentReference.write"`, `"reason_for_request":"directcare"`}},
		"a citizen": {asid.Claims{Organization: ods("RR8"), Patient: "9876543210"}, http.MethodGet, []string{
			`"sub":"https://fhir.nhs.net/Id/nhs-number|9876543210"`, `"requesting_patient":"https://fhir.nhs.net/Id/nhs-number|9876543210"`,
			`"reason_for_request":"patientaccess"`, `"scope":"patient/DocumentReference.read"`}},
		"a citizen for another": {asid.Claims{Organization: ods("RR8"), Patient: "9876543210", Actor: "https://x|1"}, http.MethodGet, []string{
			`"act":{"sub":"https://x|1"}`}},
		"issuer, audience and reason of one's own": {asid.Claims{Organization: ods("RR8"), Issuer: "https://i", Audience: "https://a/b", Reason: "r"}, http.MethodPost, []string{
			`"iss":"https://i"`, `"aud":"https://a/b"`, `"reason_for_request":"r"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var sent *http.Request
			transport := &asid.Transport{From: provider.ASID, To: nrl, Base: capture(&sent), Claims: c.claims}
			_, err := transport.RoundTrip(newRequest(t, c.method, "https://nrl.nhs.uk/STU3/DocumentReference"))
			require.NoError(t, err)
			for _, want := range c.want {
				assert.Contains(t, claimsOf(t, sent), want)
			}
		})
	}
}

func TestATokenOfOnesOwnTakesThePlaceOfTheClaims(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	transport := &asid.Transport{From: provider.ASID, To: nrl, Base: capture(&sent)}
	transport.Token = func(r *http.Request) (string, error) { return "for." + r.Method + ".", nil }
	_, err := transport.RoundTrip(newRequest(t, http.MethodPost, "https://nrl.nhs.uk/STU3/DocumentReference"))
	require.NoError(t, err)
	assert.Equal(t, "Bearer for.POST.", sent.Header.Get("Authorization"))

	broken := errors.New("no token today")
	for _, f := range []func(*http.Request) (string, error){
		func(*http.Request) (string, error) { return "", broken },
		func(*http.Request) (string, error) { return "", nil },
	} {
		sent, transport.Token = nil, f
		_, err = transport.RoundTrip(newRequest(t, http.MethodPost, "https://nrl.nhs.uk/STU3/DocumentReference"))
		assert.Error(t, err)
		assert.Nil(t, sent)
	}
}

// wire starts a raw server that answers 200 and returns what it read of each
// request, without anything that a server of net/http does to it.
func wire(t *testing.T) (base *http.Transport, requests <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	read := make(chan string, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			var head strings.Builder
			lines := bufio.NewReader(conn)
			for line := ""; line != "\r\n"; {
				if line, err = lines.ReadString('\n'); err != nil {
					break
				}
				head.WriteString(line)
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			conn.Close()
			read <- head.String()
		}
	}()
	base = &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, listener.Addr().String())
	}}
	t.Cleanup(base.CloseIdleConnections)
	return base, read
}

func TestTheRecordsURLReachesTheWireEncodedBehindTheSSPs(t *testing.T) {
	t.Parallel()
	base, requests := wire(t)
	for name, c := range map[string]struct{ ssp, record, line, host string }{
		"as the specification has it": {"https://proxy.int.spine2.ncrs.nhs.uk", "https://p1.nhs.uk/Plans/da2b",
			"/https%3A%2F%2Fp1.nhs.uk%2FPlans%2Fda2b", "proxy.int.spine2.ncrs.nhs.uk"},
		"with a slash":   {"https://ssp.nhs.uk/", "https://p1.nhs.uk/a", "/https%3A%2F%2Fp1.nhs.uk%2Fa", "ssp.nhs.uk"},
		"with a path":    {"https://ssp.nhs.uk:8443/a%2Fb", "https://p1.nhs.uk/a", "/a%2Fb/https%3A%2F%2Fp1.nhs.uk%2Fa", "ssp.nhs.uk:8443"},
		"with a port":    {"https://ssp.nhs.uk", "https://p1.nhs.uk:9443/a", "/https%3A%2F%2Fp1.nhs.uk%3A9443%2Fa", "ssp.nhs.uk"},
		"with a query":   {"https://ssp.nhs.uk", "https://p1.nhs.uk/a?b=c&d=e+f", "/https%3A%2F%2Fp1.nhs.uk%2Fa%3Fb%3Dc%26d%3De%2Bf", "ssp.nhs.uk"},
		"encoded before": {"https://ssp.nhs.uk", "https://p1.nhs.uk/a%2Fb%20c", "/https%3A%2F%2Fp1.nhs.uk%2Fa%252Fb%2520c", "ssp.nhs.uk"},
		"with a tilde":   {"https://ssp.nhs.uk", "https://p1.nhs.uk/~a;b=(c)!*'", "/https%3A%2F%2Fp1.nhs.uk%2F~a%3Bb%3D%28c%29%21%2A%27", "ssp.nhs.uk"},
		"with dots":      {"https://ssp.nhs.uk", "https://p1.nhs.uk/../a", "/https%3A%2F%2Fp1.nhs.uk%2F..%2Fa", "ssp.nhs.uk"},
	} {
		t.Run(name, func(t *testing.T) {
			client := &http.Client{Transport: &asid.Transport{
				From: consumer.ASID, To: provider.ASID, SSP: mustURL(c.ssp), Base: base,
				Claims: asid.Claims{Organization: ods("AMS01"), User: "1"},
			}}
			r := newRequest(t, http.MethodGet, c.record)
			resp, err := client.Do(r)
			require.NoError(t, err)
			resp.Body.Close()
			line, headers, _ := strings.Cut(<-requests, "\r\n")
			assert.Equal(t, "GET "+c.line+" HTTP/1.1", line)
			assert.Contains(t, headers, "Host: "+c.host+"\r\n")
			assert.Contains(t, headers, "Ssp-From: 928942012545\r\n")
			assert.Contains(t, headers, "Ssp-To: 200000000205\r\n")
			assert.Regexp(t, `(?i)Ssp-InteractionID: urn:nhs:names:services:nrl:DocumentReference.content.read\r\n`, headers)
			assert.Equal(t, mustURL(c.record), r.URL, "the caller's request is not changed")

			// What the SSP decodes is what was asked for.
			encoded := line[strings.LastIndex(line, "/https")+1 : len(line)-len(" HTTP/1.1")]
			decoded, err := url.PathUnescape(encoded)
			require.NoError(t, err)
			assert.Equal(t, r.URL.String(), decoded)
		})
	}
}

func TestEachRequestHasATraceOfItsOwn(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	transport := &asid.Transport{
		From: consumer.ASID, To: provider.ASID, Protocol: asid.SSP,
		Claims: asid.Claims{Organization: ods("AMS01"), User: "1"}, Base: capture(&sent),
	}
	seen := make(map[string]bool)
	for range 100 {
		_, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://p1.nhs.uk/a"))
		require.NoError(t, err)
		trace := sent.Header.Get("Ssp-TraceID")
		assert.Regexp(t, `\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z`, trace)
		assert.False(t, seen[trace])
		seen[trace] = true
	}
	assert.Contains(t, claimsOf(t, sent), `"scope":"patient/*.read"`)
	assert.Contains(t, claimsOf(t, sent), `"aud":"https://p1.nhs.uk"`)
}

// body notes whether it was closed, as a RoundTripper must see to.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return nil }

func TestWhatCannotBeSentSafelyIsNotSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*asid.Transport)
		target string
		header string
		want   any
	}{
		"http":                          {target: "http://nrl.nhs.uk/STU3/DocumentReference", want: new(*asid.RequestError)},
		"no host":                       {target: "https:///STU3/DocumentReference", want: new(*asid.RequestError)},
		"only a port":                   {target: "https://:443/STU3/DocumentReference", want: new(*asid.RequestError)},
		"user information":              {target: "https://u:p@nrl.nhs.uk/STU3/DocumentReference", want: new(*asid.RequestError)},
		"a fragment":                    {target: "https://nrl.nhs.uk/STU3/DocumentReference#x", want: new(*asid.RequestError)},
		"no interaction in the path":    {target: "https://nrl.nhs.uk/STU3/Patient", want: new(*asid.RequestError)},
		"an ASID that is there already": {header: "FromASID", want: new(*asid.RequestError)},
		"a token that is there already": {header: "Authorization", want: new(*asid.RequestError)},
		"a header in raw lower case":    {header: "toasid", want: new(*asid.RequestError)},
		"a header that is dropped":      {header: "Connection: close, toasid", want: new(*asid.RequestError)},
		"an interaction that is no URN": {change: func(t *asid.Transport) { t.Interaction = "read" }, want: new(*asid.ConfigError)},
		"no interaction of the request": {change: func(t *asid.Transport) {
			t.InteractionOf = func(*http.Request) (asid.InteractionID, error) { return "", nil }
		}, want: new(*asid.ConfigError)},
		"a malformed interaction": {change: func(t *asid.Transport) {
			t.InteractionOf = func(*http.Request) (asid.InteractionID, error) { return "urn:nhs:a b", nil }
		}, want: new(*asid.ConfigError)},
		"no sender":                  {change: func(t *asid.Transport) { t.From = asid.ID{} }, want: new(*asid.ConfigError)},
		"no receiver":                {change: func(t *asid.Transport) { t.To = asid.ID{} }, want: new(*asid.ConfigError)},
		"a protocol that is none":    {change: func(t *asid.Transport) { t.Protocol = -1 }, want: new(*asid.ConfigError)},
		"no organisation":            {change: func(t *asid.Transport) { t.Claims = asid.Claims{} }, want: new(*asid.ConfigError)},
		"user and patient":           {change: func(t *asid.Transport) { t.Claims.User, t.Claims.Patient = "1", "9876543210" }, want: new(*asid.ConfigError)},
		"an actor without patient":   {change: func(t *asid.Transport) { t.Claims.Actor = "x" }, want: new(*asid.ConfigError)},
		"an NHS number of 9 digits":  {change: func(t *asid.Transport) { t.Claims.Patient = "987654321" }, want: new(*asid.ConfigError)},
		"an NHS number with letters": {change: func(t *asid.Transport) { t.Claims.Patient = "987654321O" }, want: new(*asid.ConfigError)},
		"a user with its system":     {change: func(t *asid.Transport) { t.Claims.User = "https://fhir.nhs.uk/Id/sds-role-profile-id|1" }, want: new(*asid.ConfigError)},
		"an SSP without TLS": {change: func(t *asid.Transport) {
			t.SSP = mustURL("http://ssp.nhs.uk")
		}, want: new(*asid.ConfigError)},
		"an SSP with a query": {change: func(t *asid.Transport) {
			t.SSP = mustURL("https://ssp.nhs.uk/?a=b")
		}, want: new(*asid.ConfigError)},
	} {
		t.Run(name, func(t *testing.T) {
			var sent *http.Request
			transport := &asid.Transport{From: provider.ASID, To: nrl, Claims: asid.Claims{Organization: ods("RR8")}, Base: capture(&sent)}
			if c.change != nil {
				c.change(transport)
			}
			if c.target == "" {
				c.target = "https://nrl.nhs.uk/STU3/DocumentReference"
			}
			b := &body{Reader: strings.NewReader("{}")}
			r, err := http.NewRequest(http.MethodPost, c.target, b)
			require.NoError(t, err)
			if c.header != "" {
				name, value, _ := strings.Cut(c.header, ": ")
				r.Header[name] = []string{value}
			}
			_, err = transport.RoundTrip(r)
			assert.ErrorAs(t, err, c.want)
			assert.Nil(t, sent)
			assert.True(t, b.closed, "a RoundTripper closes the body, on errors too")
		})
	}
	_, err := (&asid.Transport{
		From: provider.ASID, To: nrl, Base: http.DefaultTransport, Claims: asid.Claims{Organization: ods("RR8"), Issuer: "\xff"},
	}).RoundTrip(newRequest(t, http.MethodPost, "https://nrl.test/STU3/DocumentReference"))
	assert.ErrorContains(t, err, "UTF-8")
	_, err = (&asid.Transport{}).RoundTrip(newRequest(t, http.MethodGet, "https://nrl.nhs.uk/STU3/DocumentReference"))
	var config *asid.ConfigError
	assert.ErrorAs(t, err, &config)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"https://evil.example/STU3/DocumentReference/1", "/STU3/DocumentReference/1"} {
		var visited []string
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			visited = append(visited, r.URL.Host)
			w := httptest.NewRecorder()
			http.Redirect(w, r, location, http.StatusFound)
			return w.Result(), nil
		})
		client := &http.Client{Transport: &asid.Transport{
			From: consumer.ASID, To: nrl, Claims: asid.Claims{Organization: ods("AMS01"), User: "1"}, Base: base,
		}}
		resp, err := client.Get("https://nrl.nhs.uk/STU3/DocumentReference/1")
		if resp != nil {
			resp.Body.Close()
		}
		var refused *asid.RedirectError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, []string{"nrl.nhs.uk"}, visited)

		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err = client.Get("https://nrl.nhs.uk/STU3/DocumentReference/1")
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, http.StatusFound, resp.StatusCode)
	}
}

func TestABlankIsEncodedForThePath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ssp, record, want string }{
		{"https://ssp.nhs.uk", "https://p1.nhs.uk/a?b=c d", "/https%3A%2F%2Fp1.nhs.uk%2Fa%3Fb%3Dc%2520d"},
		{"https://ssp.nhs.uk/a%2F", "https://p1.nhs.uk/a", "/a%2F/https%3A%2F%2Fp1.nhs.uk%2Fa"},
	} {
		var sent *http.Request
		transport := &asid.Transport{From: consumer.ASID, To: provider.ASID, SSP: mustURL(c.ssp), Base: capture(&sent),
			Claims: asid.Claims{Organization: ods("AMS01"), User: "1"}}
		_, err := transport.RoundTrip(newRequest(t, http.MethodGet, c.record))
		require.NoError(t, err)
		assert.Equal(t, c.want, sent.URL.RequestURI())
		_, err = url.Parse(sent.URL.String())
		assert.NoError(t, err)
	}
}

// net/url would write the encoded slashes of such a path plainly.
func TestAPathThatCannotBeSentAsItIsWritten(t *testing.T) {
	t.Parallel()
	transport := &asid.Transport{From: consumer.ASID, To: provider.ASID, SSP: mustURL("https://ssp.nhs.uk"),
		Claims: asid.Claims{Organization: ods("AMS01"), User: "1"}, Base: capture(new(*http.Request))}
	_, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://p1.nhs.uk/\u00e9/%2F"))
	_, ok := errors.AsType[*asid.RequestError](err)
	assert.True(t, ok, "%v", err)
}

// An http.Client closes the idle connections of what is below a Transport and a Retry.
func TestIdleConnectionsAreClosedBelow(t *testing.T) {
	t.Parallel()
	base := new(idleBase)
	client := &http.Client{Transport: &asid.Retry{Base: &asid.Transport{Base: base}}}
	client.CloseIdleConnections()
	assert.Equal(t, 1, base.closed)
	(&asid.Transport{}).CloseIdleConnections()
	(&asid.Transport{Base: http.NewFileTransport(nil)}).CloseIdleConnections()
}

type idleBase struct {
	http.RoundTripper
	closed int
}

func (b *idleBase) CloseIdleConnections() { b.closed++ }
