// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// token is a Spine JWT as any other program would write it.
func token() string {
	now := time.Now().Unix()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	const user = "https://fhir.nhs.uk/Id/sds-role-profile-id|111222333444"
	return part(map[string]string{"alg": "none", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": "https://consumer.example", "sub": user, "aud": "https://provider.nhs.uk", "iat": now, "exp": now + 300,
		"reason_for_request": "directcare", "scope": "patient/*.read", "requesting_user": user,
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|928942012545",
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|RGD",
	}) + "."
}

func TestCurl(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "curl", "curl")
	files := exampletest.NewFiles(t)
	addr := start(t, files)
	_, port, _ := strings.Cut(addr, ":")
	ssp := files.Leaf(t, "ssp.nhs.uk")

	good := map[string]string{
		"Ssp-From": "928942012545", "Ssp-To": self, "Ssp-TraceID": "09a01679-2564-0fb4-5129-aecc81ea2706",
		"Ssp-InteractionID": "urn:nhs:names:services:nrl:DocumentReference.content.read",
		"Authorization":     "Bearer " + token(),
	}
	// curl returns the answer's status, header and body. Its own check of the
	// server's name needs a subjectAltName, which the Spine's certificates lack.
	curl := func(t *testing.T, headers map[string]string, more ...string) (status int, header, body string) {
		t.Helper()
		args := append([]string{"-sS", "-i", "--insecure", "--http1.1", "--resolve", "provider.nhs.uk:" + port + ":127.0.0.1",
			"--cert", ssp.Cert, "--key", ssp.Key}, more...)
		for name, value := range headers {
			if value != "" {
				args = append(args, "-H", name+": "+value)
			}
		}
		cmd := exec.CommandContext(t.Context(), "curl", append(args, "https://provider.nhs.uk:"+port+"/records/demo.json")...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), stderr.String())
		header, body, _ = strings.Cut(stdout.String(), "\r\n\r\n")
		_, err := fmt.Sscanf(header, "HTTP/1.1 %d", &status)
		require.NoError(t, err)
		return status, header, body
	}
	without := func(name string) map[string]string {
		headers := map[string]string{}
		for k, v := range good {
			if k != name {
				headers[k] = v
			}
		}
		return headers
	}
	with := func(name, value string) map[string]string {
		headers := without(name)
		headers[name] = value
		return headers
	}

	t.Run("a record", func(t *testing.T) {
		status, header, body := curl(t, good)
		assert.Equal(t, 200, status)
		assert.Contains(t, body, `"record":"demo"`)
		assert.Contains(t, header, "Cache-Control: no-store")
	})

	type outcome struct {
		XMLName      xml.Name `json:"-"`
		ResourceType string   `json:"resourceType"`
	}
	for _, test := range []struct {
		name    string
		headers map[string]string
		code    string
	}{
		{"no ASID of the sender", without("Ssp-From"), "MISSING_OR_INVALID_HEADER"},
		{"an ASID of 11 digits", with("Ssp-From", "92894201254"), "MISSING_OR_INVALID_HEADER"},
		{"an ASID of letters", with("Ssp-From", "92894201254x"), "MISSING_OR_INVALID_HEADER"},
		{"another provider's ASID", with("Ssp-To", "200000000206"), "MISSING_OR_INVALID_HEADER"},
		{"another interaction", with("Ssp-InteractionID", "urn:nhs:names:services:nrl:DocumentReference.read"), "MISSING_OR_INVALID_HEADER"},
		{"no trace", without("Ssp-TraceID"), "MISSING_OR_INVALID_HEADER"},
		{"no token", without("Authorization"), "MISSING_OR_INVALID_HEADER"},
		{"a token that is none", with("Authorization", "Bearer abc"), "MISSING_OR_INVALID_HEADER"},
	} {
		t.Run(test.name+", in XML by default", func(t *testing.T) {
			status, header, body := curl(t, test.headers)
			assert.Equal(t, 400, status)
			assert.Contains(t, header, "Content-Type: application/fhir+xml")
			assert.Contains(t, header, "Cache-Control: no-store")
			assert.Contains(t, body, `<code value="`+test.code+`"`)
			var parsed outcome
			require.NoError(t, xml.Unmarshal([]byte(body), &parsed))
			assert.Equal(t, xml.Name{Space: "http://hl7.org/fhir", Local: "OperationOutcome"}, parsed.XMLName)
		})
		t.Run(test.name+", in JSON on request", func(t *testing.T) {
			status, header, body := curl(t, test.headers, "-H", "Accept: application/fhir+json")
			assert.Equal(t, 400, status)
			assert.Contains(t, header, "Content-Type: application/fhir+json")
			assert.Contains(t, body, `"code":"`+test.code+`"`)
			var parsed outcome
			require.NoError(t, json.Unmarshal([]byte(body), &parsed))
			assert.Equal(t, "OperationOutcome", parsed.ResourceType)
		})
	}

	t.Run("a header twice", func(t *testing.T) {
		status, _, _ := curl(t, good, "-H", "ssp-from: 928942012545")
		assert.Equal(t, 400, status)
	})
	t.Run("a method that retrieves nothing", func(t *testing.T) {
		status, _, _ := curl(t, good, "-X", "DELETE")
		assert.Equal(t, 400, status)
	})
}
