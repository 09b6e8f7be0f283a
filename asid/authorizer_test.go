// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// A refusal is what ErrorHandler and the client get to see.
type refusal struct {
	err    error
	status int
	body   string
}

// judge sends r through the authorizer; the caller is nil if it was refused.
func judge(t *testing.T, a *asid.Authorizer, r *http.Request) (*asid.Caller, refusal) {
	t.Helper()
	var got refusal
	copied := *a
	copied.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
		got.err = err
		asid.WriteError(w, r, err)
	}
	var caller *asid.Caller
	w := serve(copied.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, ok := asid.CallerFrom(r.Context())
		require.True(t, ok)
		caller = c
	})), r)
	got.status, got.body = w.Code, w.Body.String()
	require.Equal(t, caller == nil, got.err != nil, "the handler is called if and only if nothing is refused")
	return caller, got
}

// code returns the Spine's code of an OperationOutcome in XML.
func code(body string) string {
	_, rest, _ := strings.Cut(body, "<code value=\"")
	_, rest, _ = strings.Cut(rest, "<code value=\"")
	code, _, _ := strings.Cut(rest, "\"")
	return code
}

func authorizer(t *testing.T) *asid.Authorizer {
	return &asid.Authorizer{Registry: registry(t), Self: nrl, Peers: asidtest.Peers{}}
}

func create() *http.Request {
	return asidtest.NewRequest(http.MethodPost, "/STU3/DocumentReference", provider, nrl)
}

func TestARequestThatIsRightReachesTheHandler(t *testing.T) {
	t.Parallel()
	caller, refused := judge(t, authorizer(t), create())
	require.NotNil(t, caller, refused.body)
	assert.Equal(t, provider.ASID, caller.System.ASID)
	assert.Equal(t, asid.DocumentReferenceCreate, caller.Interaction)
	assert.Equal(t, "https://fhir.nhs.uk/Id/ods-organization-code|RR8", caller.Token.Organization)
}

func TestEachRuleRefusesByItsOwnRowOfTheErrorTable(t *testing.T) {
	t.Parallel()
	const (
		header      = "400 MISSING_OR_INVALID_HEADER"
		asidFailed  = "403 ASID_CHECK_FAILED"
		denied      = "403 ACCESS_DENIED"
		bad         = "400 BAD_REQUEST"
		twelve      = "200000000205"
		interaction = string(asid.DocumentReferenceCreate)
	)
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	add := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header[key] = []string{value} }
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   string
		text   string // in the diagnostics
	}{
		"fromASID missing":            {set("fromASID"), header, "fromASID HTTP Header is missing"},
		"fromASID empty":              {set("fromASID", ""), header, "fromASID HTTP Header is empty"},
		"fromASID twice":              {set("fromASID", twelve, twelve), header, "fromASID HTTP Header is there 2 times"},
		"fromASID joined":             {set("fromASID", twelve+", "+twelve), header, "fromASID"},
		"fromASID of 11 digits":       {set("fromASID", twelve[1:]), header, "12 digits"},
		"fromASID of 13 digits":       {set("fromASID", twelve+"0"), header, "12 digits"},
		"fromASID with letters":       {set("fromASID", "20000000020O"), header, "decimal digits only"},
		"fromASID with a blank":       {set("fromASID", " "+twelve), header, "fromASID"},
		"fromASID in raw lower case":  {add("fromasid", twelve), header, "another spelling"},
		"fromASID in raw mixed case":  {add("fromASID", twelve), header, "another spelling"},
		"InteractionID in raw case":   {func(r *http.Request) { r.Header.Del("InteractionID"); r.Header["interactionID"] = []string{"x"} }, header, "InteractionID HTTP Header is there under another"},
		"fromASID of the connection":  {set("Connection", "close", "keep-alive, fromASID"), header, "fromASID HTTP Header is one that Connection"},
		"a token of the connection":   {set("Connection", "close,\tauthorization"), header, "Authorization HTTP Header is one that Connection"},
		"fromASID in quotes":          {set("Connection", `"fromASID"`), header, "fromASID HTTP Header is one that Connection"},
		"toASID with a parameter":     {set("Connection", "close toASID;q=1"), header, "toASID HTTP Header is one that Connection"},
		"fromASID of another proxy's": {set("Proxy-Connection", "fromASID"), header, "fromASID HTTP Header is one that Connection"},
		"InteractionID dropped":       {add("connection", "interactionid"), header, "InteractionID HTTP Header is one that Connection"},
		"fromASID in a trailer":       {func(r *http.Request) { r.Trailer = http.Header{"Fromasid": nil} }, header, "fromASID HTTP Header is to follow the body"},
		"InteractionID in a trailer":  {func(r *http.Request) { r.Header.Del("InteractionID"); r.Trailer = http.Header{"Interactionid": nil} }, header, "InteractionID HTTP Header is to follow"},
		"a token in a trailer":        {func(r *http.Request) { r.Trailer = http.Header{"authorization": nil} }, header, "Authorization HTTP Header is to follow"},
		"another trailer":             {func(r *http.Request) { r.Trailer = http.Header{"X-Other": nil} }, "200 ", ""},
		"another header dropped":      {set("Connection", "X-Other, close"), "200 ", ""},
		"toASID missing":              {set("toASID"), header, "toASID HTTP Header is missing"},
		"toASID twice":                {set("toASID", nrl.String(), nrl.String()), header, "toASID HTTP Header is there 2 times"},
		"toASID malformed":            {set("toASID", "nrl"), header, "toASID"},
		"toASID of another system":    {set("toASID", twelve), header, "toASID HTTP Header is not the ASID of this system"},
		"InteractionID malformed":     {set("InteractionID", "create"), header, "InteractionID HTTP Header is invalid"},
		"InteractionID empty":         {set("InteractionID", ""), header, "InteractionID HTTP Header is empty"},
		"InteractionID twice":         {set("InteractionID", interaction, interaction), header, "InteractionID HTTP Header is there 2 times"},
		"InteractionID joined":        {set("InteractionID", interaction+","+interaction), header, "holds a list"},
		"a header of another name":    {add("Interactionid_", "x"), "200 ", ""},
		"InteractionID unknown":       {set("InteractionID", "urn:nhs:names:services:nrl:DocumentReference.drop"), header, "not that of the request"},
		"InteractionID of another":    {set("InteractionID", string(asid.DocumentReferenceRead)), header, "not that of the request"},
		"Authorization missing":       {set("Authorization"), header, "The Authorisation header must be supplied"},
		"Authorization twice":         {set("Authorization", "Bearer a.b.", "Bearer a.b."), header, "Authorization HTTP Header is there 2 times"},
		"Authorization basic":         {set("Authorization", "Basic dTpw"), header, "not of the scheme Bearer"},
		"Authorization without token": {set("Authorization", "Bearer"), header, "must have the 3 sections"},
		"Authorization no token":      {set("Authorization", "Bearer x"), header, "must have the 3 sections"},
		"ASID unknown":                {set("fromASID", "200000000206"), asidFailed, "unknown"},
		"ASID of another system":      {set("fromASID", consumer.ASID.String()), denied, "is registered for ASID"},
		"another certificate":         {func(r *http.Request) { r.TLS.PeerCertificates[0] = certificate(consumer.FQDNs[0]) }, denied, consumer.FQDNs[0]},
		"no certificate":              {func(r *http.Request) { r.TLS.PeerCertificates = nil }, denied, "the peer could not be verified"},
		"another protocol":            {set("Upgrade", "h2c"), bad, "asks for another protocol"},
		"another URL":                 {set("X-Original-URL", "/STU3/DocumentReference/1"), bad, "X-Original-URL"},
		"two common names": {func(r *http.Request) {
			r.TLS.PeerCertificates[0] = certificate(provider.FQDNs[0], consumer.FQDNs[0])
		}, denied, "speaks for no name"},
		"a method of no use":  {func(r *http.Request) { r.Method = http.MethodPut }, bad, "method"},
		"a path of no use":    {func(r *http.Request) { r.URL.Path = "/STU3/Patient" }, bad, "path"},
		"interaction refused": {func(r *http.Request) { r.Method = http.MethodGet; r.Header.Del("InteractionID") }, asidFailed, "not associated"},
	} {
		t.Run(name, func(t *testing.T) {
			r := create()
			c.change(r)
			_, refused := judge(t, authorizer(t), r)
			status, wantCode, _ := strings.Cut(c.want, " ")
			assert.Equal(t, status, map[int]string{200: "200", 400: "400", 403: "403"}[refused.status])
			assert.Equal(t, wantCode, code(refused.body), "%v", refused.err)
			diagnostics := strings.NewReplacer("&#39;", "'", "&#34;", `"`).Replace(refused.body)
			assert.Contains(t, diagnostics, c.text)
		})
	}
}

func TestTheInteractionHeaderIsOptionalUnlessItIsRequired(t *testing.T) {
	t.Parallel()
	r := create()
	r.Header.Del("InteractionID")
	a := authorizer(t)
	caller, refused := judge(t, a, r)
	require.NotNil(t, caller, refused.body)
	assert.Equal(t, asid.DocumentReferenceCreate, caller.Interaction)

	a.RequireInteraction = true
	_, refused = judge(t, a, r)
	header := requestError(t, refused.err)
	assert.Equal(t, "InteractionID", header.Header)
	assert.Equal(t, "is missing", header.Detail)
}

func TestHeadersOfTheSSPAreAllRequired(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	a.Protocol = asid.SSP
	a.InteractionOf = func(*http.Request) (asid.InteractionID, error) { return asid.DocumentReferenceContentRead, nil }
	request := func() *http.Request {
		return asidtest.NewSSPRequest("/records/1", consumer, nrl, consumer.FQDNs[0])
	}
	caller, refused := judge(t, a, request())
	require.NotNil(t, caller, refused.body)
	assert.Equal(t, asid.DocumentReferenceContentRead, caller.Interaction)

	for _, name := range []string{"Ssp-From", "Ssp-To", "Ssp-InteractionID", "Ssp-TraceID", "Authorization"} {
		r := request()
		r.Header.Del(name)
		_, refused := judge(t, a, r)
		var header *asid.RequestError
		require.ErrorAs(t, refused.err, &header, name)
		assert.Equal(t, name, header.Header)
		assert.Equal(t, "is missing", header.Detail)
	}
	for name, spelling := range map[string]string{"Ssp-From": "Ssp_From", "Ssp-InteractionID": "SSP_INTERACTIONID", "Authorization": "AUTHORIZATION"} {
		r := request()
		r.Header[spelling] = r.Header.Values(name)
		_, refused := judge(t, a, r)
		var header *asid.RequestError
		require.ErrorAs(t, refused.err, &header, spelling)
		assert.Equal(t, name, header.Header)
	}
	for _, trace := range []string{
		"", "1", "3fa85f64-5717-4562-b3fc-2c963f66afa", "3fa85f64-5717-4562-b3fc-2c963f66afa6a", "{3fa85f64-5717-4562-b3fc-2c963f66afa6}",
		"3fa85f6405717-4562-b3fc-2c963f66afa6", "3fa85f64-5717-4562-b3fc-2c963f66afg6", "urn:uuid:3fa85f64-5717-4562-b3fc-2c963f66afa6",
	} {
		r := request()
		r.Header.Set("Ssp-TraceID", trace)
		_, refused := judge(t, a, r)
		var header *asid.RequestError
		require.ErrorAs(t, refused.err, &header, "%q", trace)
		assert.Equal(t, "Ssp-TraceID", header.Header)
	}
}

func TestTheTwoFormsOfHeadersAreNotMixed(t *testing.T) {
	t.Parallel()
	r := asidtest.NewSSPRequest("/STU3/DocumentReference/1", provider, nrl, provider.FQDNs[0])
	_, refused := judge(t, authorizer(t), r)
	assert.Equal(t, "fromASID", requestError(t, refused.err).Header)
}

func TestShorterASIDsCountOnlyWhereTheyAreAllowed(t *testing.T) {
	t.Parallel()
	short, err := asid.ParseTestID("205")
	require.NoError(t, err)
	sys := provider
	sys.ASID = short
	m, err := asid.NewMemory(sys)
	require.NoError(t, err)
	r := func() *http.Request { return asidtest.NewRequest(http.MethodPost, "/STU3/DocumentReference", sys, nrl) }
	a := &asid.Authorizer{Registry: m, Self: nrl, Peers: asidtest.Peers{}}
	_, refused := judge(t, a, r())
	var header *asid.RequestError
	assert.ErrorAs(t, refused.err, &header)

	a.TestIDs = true
	caller, refused := judge(t, a, r())
	assert.NotNil(t, caller, refused.body)
}

func TestAnAuthorizerThatIsNotCompleteRefusesEverything(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]*asid.Authorizer{
		"zero":          {},
		"no registry":   {Self: nrl, Peers: asidtest.Peers{}},
		"no ASID":       {Registry: registry(t), Peers: asidtest.Peers{}},
		"no peers":      {Registry: registry(t), Self: nrl},
		"no protocol":   {Registry: registry(t), Self: nrl, Peers: asidtest.Peers{}, Protocol: 2},
		"no such check": {Registry: registry(t), Self: nrl, Peers: asidtest.Peers{}, Tokens: 4},
		"none below it": {Registry: registry(t), Self: nrl, Peers: asidtest.Peers{}, Tokens: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, refused := judge(t, a, create())
			var config *asid.ConfigError
			require.ErrorAs(t, refused.err, &config)
			assert.Equal(t, http.StatusInternalServerError, refused.status)
			assert.NotContains(t, refused.body, config.Field, "the fault is not the sender's to know")
		})
	}
}

func TestARegistryThatFailsIsTheServersOwnFault(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	for _, err := range []error{errors.New("ldaps://10.0.0.1: refused"), &asid.RequestError{Header: "ldaps://10.0.0.1"}} {
		a.Registry = lookup(func(asid.ID) (*asid.System, error) { return nil, err })
		_, refused := judge(t, a, create())
		assert.Equal(t, http.StatusServiceUnavailable, refused.status)
		assert.Equal(t, "INTERNAL_SERVER_ERROR", code(refused.body))
		assert.NotContains(t, refused.body, "10.0.0.1")
	}
}

func TestDecisionsMayBeAskedForByManyAtOnce(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	a.Logger = slog.New(slog.DiscardHandler)
	handler := a.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range 50 {
				assert.Equal(t, http.StatusOK, serve(handler, create()).Code)
				bad := create()
				bad.Header.Set("fromASID", consumer.ASID.String())
				assert.Equal(t, http.StatusForbidden, serve(handler, bad).Code)
			}
		})
	}
	asking.Wait()
}
