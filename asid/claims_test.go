// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func TestTheTokenMustAgreeWithTheRequest(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	issuedFor := func(sys asid.System, method, target string, c asid.Claims) *http.Request {
		r := asidtest.NewRequest(method, target, sys, nrl)
		r.Header.Set("Authorization", "Bearer "+tokenOf(t, sys.ASID, method, target, c, now))
		return r
	}
	a := authorizer(t)
	a.Time = func() time.Time { return now }
	right := asid.Claims{Organization: ods("RGD"), User: "1"}

	for name, c := range map[string]struct {
		method, target string
		claims         asid.Claims
		claim          string // that is wrong; empty: none
	}{
		"a professional":           {"GET", "/STU3/DocumentReference/1", right, ""},
		"a system that maintains":  {"POST", "/STU3/DocumentReference", asid.Claims{Organization: ods("RR8")}, ""},
		"a citizen":                {"GET", "/STU3/DocumentReference/1", asid.Claims{Organization: ods("RR8"), Patient: "9876543210"}, ""},
		"a citizen for another":    {"GET", "/STU3/DocumentReference/1", asid.Claims{Organization: ods("RR8"), Patient: "9876543210", Actor: "x"}, ""},
		"another organisation":     {"POST", "/STU3/DocumentReference", asid.Claims{Organization: ods("AMS01"), User: "1"}, "requesting_organization"},
		"another reason":           {"POST", "/STU3/DocumentReference", asid.Claims{Organization: ods("RR8"), User: "1", Reason: "research"}, "reason_for_request"},
		"a citizen's other reason": {"GET", "/STU3/DocumentReference/1", asid.Claims{Organization: ods("RR8"), Patient: "9876543210", Reason: "directcare"}, "reason_for_request"},
	} {
		t.Run(name, func(t *testing.T) {
			caller, refused := judge(t, a, issuedFor(provider, c.method, c.target, c.claims))
			if c.claim == "" {
				require.NotNil(t, caller, refused.body)
				return
			}
			assert.Equal(t, c.claim, requestError(t, refused.err).Claim)
			assert.Equal(t, "MISSING_OR_INVALID_HEADER", code(refused.body))
			assert.Contains(t, refused.body, `<code value="structure">`)
		})
	}

	t.Run("another system's token", func(t *testing.T) {
		r := issuedFor(provider, "POST", "/STU3/DocumentReference", right)
		r.Header.Set("Authorization", issuedFor(consumer, "GET", "/STU3/DocumentReference/1", right).Header.Get("Authorization"))
		_, refused := judge(t, a, r)
		assert.Equal(t, "requesting_system", requestError(t, refused.err).Claim)
	})
	t.Run("a token for reading", func(t *testing.T) {
		r := issuedFor(provider, "POST", "/STU3/DocumentReference", right)
		r.Header.Set("Authorization", issuedFor(provider, "GET", "/STU3/DocumentReference/1", right).Header.Get("Authorization"))
		_, refused := judge(t, a, r)
		assert.Equal(t, "scope", requestError(t, refused.err).Claim)
	})

	for name, c := range map[string]struct {
		now  time.Time
		skew time.Duration
		want string
	}{
		"just issued":                      {now, 0, ""},
		"a second before it was issued":    {now.Add(-time.Second), -1, "iat"},
		"a second before, and clocks vary": {now.Add(-time.Second), time.Second, ""},
		"a moment before it expires":       {now.Add(5*time.Minute - 1), 0, ""},
		"when it expires":                  {now.Add(5 * time.Minute), -1, "exp"},
		"when it expires, and clocks vary": {now.Add(5 * time.Minute), time.Second, ""},
		"more than clocks may vary":        {now.Add(-1001 * time.Millisecond), time.Second, "iat"},
		"as much as clocks may vary":       {now.Add(-time.Minute), time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := *a
			a.Time, a.MaxSkew = func() time.Time { return c.now }, c.skew
			caller, refused := judge(t, &a, issuedFor(provider, "POST", "/STU3/DocumentReference", right))
			if c.want == "" {
				assert.NotNil(t, caller, refused.body)
				return
			}
			assert.Equal(t, c.want, requestError(t, refused.err).Claim)
		})
	}

	t.Run("an audience", func(t *testing.T) {
		a := *a
		a.Audience = "https://nrl.test"
		caller, refused := judge(t, &a, issuedFor(provider, "POST", "/STU3/DocumentReference", right))
		require.NotNil(t, caller, refused.body)
		a.Audience = "https://other.test"
		_, refused = judge(t, &a, issuedFor(provider, "POST", "/STU3/DocumentReference", right))
		assert.Equal(t, "aud", requestError(t, refused.err).Claim)
	})
	t.Run("any claims, if it is allowed", func(t *testing.T) {
		a := *a
		a.Tokens = asid.TokenForm
		caller, refused := judge(t, &a, issuedFor(provider, "POST", "/STU3/DocumentReference", asid.Claims{Organization: ods("AMS01"), Reason: "research"}))
		require.NotNil(t, caller, refused.body)
	})
}

// tokenOf returns the token that a Transport makes for the request.
func tokenOf(t *testing.T, from asid.ID, method, target string, c asid.Claims, now time.Time) string {
	t.Helper()
	var token string
	transport := &asid.Transport{
		From: from, To: nrl, Claims: c, Time: func() time.Time { return now },
		Base: roundTripper(func(r *http.Request) (*http.Response, error) {
			token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			return &http.Response{Body: http.NoBody}, nil
		}),
	}
	r, err := http.NewRequest(method, "https://nrl.test"+target, nil)
	require.NoError(t, err)
	_, err = transport.RoundTrip(r)
	require.NoError(t, err)
	return token
}

func TestATokenExpiresAfterItIsIssuedHoweverClocksVary(t *testing.T) {
	t.Parallel()
	now := time.Unix(1795435200, 0)
	a := authorizer(t)
	a.Time, a.MaxSkew = func() time.Time { return now }, 10*time.Second
	r := create()
	payload := fmt.Sprintf(`{"iss":"x","sub":"https://fhir.nhs.uk/Id/accredited-system|200000000205","aud":"x","iat":%d,"exp":%d,`+
		`"reason_for_request":"directcare","scope":"patient/DocumentReference.write",`+
		`"requesting_system":"https://fhir.nhs.uk/Id/accredited-system|200000000205",`+
		`"requesting_organization":"https://fhir.nhs.uk/Id/ods-organization-code|RR8"}`, now.Unix()+9, now.Unix()-9)
	r.Header.Set("Authorization", "Bearer "+jwt(unsigned, payload))
	_, refused := judge(t, a, r)
	assert.Equal(t, "exp", requestError(t, refused.err).Claim)
}
