// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// Of a token only the organisation and the user are recorded, and nothing of it is
// told: it may name a patient, and another server would take it.
func TestNothingOfATokenIsToldOrLogged(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	headers := map[string]string{
		"another scheme": "Basic " + secret, "one section": "Bearer " + secret, "a signature": "Bearer e30.e30." + secret,
		"no base64": "Bearer " + secret + "!.e30.", "another algorithm": "Bearer " + jwt(`{"alg":"`+secret+`"}`, `{}`),
		"no JSON": "Bearer " + jwt(unsigned, `{"iss":`+secret), "a claim twice": "Bearer " + jwt(unsigned, `{"iss":"`+secret+`","iss":"`+secret+`"}`),
		"a name": "Bearer " + jwt(unsigned, `{"iss":"x","`+secret+`":{}}`), "two": secret + ", " + secret,
	}
	bad := map[string]any{"": nil, "exp": issued.Unix() + 301, "act": claims{"sub": secret, "SUB": secret}, "aud": []string{secret, secret}}
	for _, claim := range []string{
		"iss", "sub", "aud", "iat", "exp", "nbf", "reason_for_request", "scope", "requesting_system", "requesting_organization", "requesting_user", "requesting_patient",
	} {
		if bad[claim] == nil {
			bad[claim] = secret
		}
	}
	for claim, value := range bad {
		// Each token has the secret in all claims that are free, too.
		token := retrieving().with(claims{"iss": secret, "aud": secret, "jti": secret, "scope": "patient/DocumentReference.read"}).with(claims{claim: value})
		headers["bad "+claim] = "Bearer " + token.token(t)
	}
	for name, value := range headers {
		var log ledger
		var told error
		a := authorizer(t)
		a.Logger, a.Audit, a.Time = log.logger(), &asid.Audit{IncludeQueries: true}, func() time.Time { return issued }
		a.Audience = "https://nrl.test"
		a.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) { told = err; asid.WriteError(w, r, err) }
		r := asidtest.NewRequest(http.MethodGet, "/STU3/DocumentReference/1", consumer, nrl)
		r.Header.Set("Authorization", value)
		answer := serve(a.Middleware(http.NotFoundHandler()), r)
		assert.Equal(t, http.StatusBadRequest, answer.Code, name)
		assert.Equal(t, asid.RuleToken, requestError(t, told).Rule, name)
		for _, text := range []string{log.String(), answer.Body.String(), told.Error()} {
			assert.NotContains(t, text, secret, name)
			for section := range strings.SplitSeq(strings.TrimPrefix(value, "Bearer "), ".") {
				if decoded, err := base64.RawURLEncoding.DecodeString(section); err == nil && len(decoded) > 3 {
					assert.NotContains(t, text, section, name)
				}
			}
		}
	}
}
