// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

var update = flag.Bool("update", false, "write the transcript into the examples' README")

const nrlName = "nrl.nhs.uk"

const registry = `{"systems": [
  {"asid": "200000000205", "ods": ["RR8"], "fqdns": ["rr8.nhs.uk"], "interactions": [
    "urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.update",
    "urn:nhs:names:services:nrl:DocumentReference.delete"]},
  {"asid": "200000000206", "ods": ["RXA"], "fqdns": ["rxa.nhs.uk"], "interactions": [
    "urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.delete"]},
  {"asid": "928942012545", "ods": ["RGD"], "fqdns": ["rgd.nhs.uk"], "interactions": [
    "urn:nhs:names:services:nrl:DocumentReference.read", "urn:nhs:names:services:nrl:DocumentReference.search"]}
]}
`

// start runs the program until the test ends and returns its port.
func start(t *testing.T, files *exampletest.Files) (port string) {
	t.Helper()
	systems := filepath.Join(t.TempDir(), "registry.json")
	require.NoError(t, os.WriteFile(systems, []byte(registry), 0o600))
	return startWith(t, files, "-registry", systems)
}

// startWith is start with other arguments, such as those for a registry.
func startWith(t *testing.T, files *exampletest.Files, args ...string) (port string) {
	t.Helper()
	own := files.Leaf(t, nrlName)
	address, stop := exampletest.Start(t, run, t.Output(), append([]string{"-listen", "127.0.0.1:0", "-cert", own.Cert, "-key", own.Key,
		"-roots", files.Roots, "-subcas", files.SubCAs, "-crl", files.CRL, "-crl", files.ARL}, args...)...)
	t.Cleanup(func() { assert.NoError(t, stop()) })
	return address[strings.LastIndexByte(address, ':')+1:]
}

// A system calls the server with curl. Its headers are in a file, as a person
// would keep them.
type system struct {
	name, asid, ods string
	pair            exampletest.Pair
	headers         string
}

func newSystem(t *testing.T, files *exampletest.Files, name, asid, ods string, professional bool) *system {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": "https://" + name, "aud": "https://" + nrlName, "iat": now, "exp": now + 300,
		"reason_for_request": "directcare", "scope": "patient/DocumentReference.write",
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|" + asid,
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|" + ods,
	}
	claims["sub"] = claims["requesting_system"]
	if professional {
		claims["scope"] = "patient/DocumentReference.read"
		claims["requesting_user"] = "https://fhir.nhs.uk/Id/sds-role-profile-id|111222333444"
		claims["sub"] = claims["requesting_user"]
	}
	part := func(v any) string {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	token := part(map[string]string{"alg": "none", "typ": "JWT"}) + "." + part(claims) + "."
	s := &system{name: name, asid: asid, ods: ods, pair: files.Leaf(t, name), headers: filepath.Join(t.TempDir(), "headers")}
	require.NoError(t, os.WriteFile(s.headers, []byte("fromASID: "+asid+"\ntoASID: 999999999999\nAuthorization: Bearer "+token+
		"\nAccept: application/fhir+json\n"), 0o600))
	return s
}

// A transcript is what a person at a terminal would see, but for what differs
// from run to run.
type transcript struct {
	strings.Builder
	ids []string
}

var uuid = regexp.MustCompile(`[0-9a-f-]{36}(-[0-9]+)?`)

// id gives each pointer a short name, in the order of their creation.
func (tr *transcript) shorten(text string) string {
	for i, id := range tr.ids {
		text = strings.ReplaceAll(text, id, fmt.Sprintf("[id %d]", i+1))
	}
	return text
}

func TestThePointersLifeByCurl(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "curl", "curl")
	files := exampletest.NewFiles(t)
	text := pointersLife(t, files, start(t, files))

	readme := filepath.Join("..", "README.md")
	page, err := os.ReadFile(readme)
	require.NoError(t, err)
	const begin, end = "<!-- transcript -->\n```console\n", "```\n<!-- end -->\n"
	before, rest, ok := strings.Cut(string(page), begin)
	require.True(t, ok, "the README has no place for the transcript")
	old, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "the transcript has no end")
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(before+begin+text+end+after), 0o644))
		return
	}
	assert.Equal(t, text, old, "run this test with -update and read what has changed")
}

// pointersLife has three systems create, read, supersede, update and delete pointers
// at the server on port, and returns the transcript.
func pointersLife(t *testing.T, files *exampletest.Files, port string) string {
	rr8 := newSystem(t, files, "rr8.nhs.uk", "200000000205", "RR8", false)
	rxa := newSystem(t, files, "rxa.nhs.uk", "200000000206", "RXA", false)
	rgd := newSystem(t, files, "rgd.nhs.uk", "928942012545", "RGD", true)
	tr := &transcript{}

	// call sends a request and returns the status, the header and the body.
	call := func(s *system, status int, method, path string, body ...string) {
		t.Helper()
		base := "https://" + nrlName + ":" + port + "/STU3/DocumentReference"
		args := []string{"-sS", "-i", "--insecure", "--globoff", "--resolve", nrlName + ":" + port + ":127.0.0.1",
			"--cert", s.pair.Cert, "--key", s.pair.Key, "-H", "@" + s.headers, "-X", method, base + path}
		shown := "$ curl -i --cert " + s.name + ".pem -H @" + s.name + ".headers"
		if method != "GET" {
			shown += " -X " + method
		}
		if len(body) > 0 {
			args = append(args, "-H", "Content-Type: application/fhir+json", "--data-binary", body[1])
			shown += " --data-binary @" + body[0]
		}
		cmd := exec.CommandContext(t.Context(), "curl", args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), stderr.String())
		header, answer, _ := strings.Cut(stdout.String(), "\r\n\r\n")
		require.Contains(t, header, fmt.Sprintf("HTTP/1.1 %d", status), answer)
		if location := value(header, "Location"); location != "" {
			tr.ids = append(tr.ids, uuid.FindString(location))
		}
		fmt.Fprintln(tr, tr.shorten(shown+` "$NRL`+path+`"`))
		for line := range strings.Lines(header) {
			line = strings.TrimSpace(line)
			if name, _, _ := strings.Cut(line, ":"); strings.HasPrefix(line, "HTTP/") || name == "Location" || name == "Etag" {
				fmt.Fprintln(tr, strings.ReplaceAll(tr.shorten(line), ":"+port, ""))
			}
		}
		fmt.Fprintln(tr, strings.ReplaceAll(tr.shorten(summary(t, answer)), ":"+port, ""))
		fmt.Fprintln(tr)
	}

	const subject = "?subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9000000009"
	call(rr8, 201, "POST", "", "of-RR8.json", reference("RR8", ""))
	first := tr.ids[0]
	call(rgd, 200, "GET", "/"+first)
	call(rgd, 200, "GET", subject)
	call(rr8, 400, "POST", "", "of-RXA.json", reference("RXA", ""))
	call(rxa, 400, "POST", "", "of-RXA-for-1.json", reference("RXA", first))
	call(rr8, 201, "POST", "", "of-RR8-for-1.json", reference("RR8", first))
	second := tr.ids[1]
	call(rgd, 400, "GET", "/"+first)
	call(rxa, 400, "DELETE", "/"+second)
	call(rgd, 403, "DELETE", "/"+second)
	call(rr8, 200, "PATCH", "/"+second, "entered-in-error.json", enteredInError)
	call(rr8, 201, "POST", "", "of-RR8.json", reference("RR8", ""))
	call(rr8, 200, "DELETE", "/"+tr.ids[2])
	call(rgd, 404, "GET", "/"+tr.ids[2])
	return tr.String()
}

const enteredInError = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},` +
	`{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueString":"entered-in-error"}]}]}`

// reference is a pointer of the organisation, which replaces another unless that
// is empty.
func reference(ods, replaces string) string {
	relatesTo := ""
	if replaces != "" {
		relatesTo = `"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/` + replaces + `"}}],`
	}
	return `{"resourceType":"DocumentReference","meta":{"profile":["https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"]},` + relatesTo + `"status":"current",` +
		`"type":{"coding":[{"system":"http://snomed.info/sct","code":"736366004"}]},` +
		`"subject":{"reference":"https://demographics.spineservices.nhs.uk/STU3/Patient/9000000009"},` +
		`"class":{"coding":[{"system":"http://snomed.info/sct","code":"734163000"}]},` +
		`"author":[{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RR8"}],` +
		`"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/` + ods + `"},` +
		`"content":[{"extension":[{"url":"https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1",` +
		`"valueCodeableConcept":{"coding":[{"system":"https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1","code":"static"}]}}],` +
		`"attachment":{"contentType":"application/pdf","url":"https://records.nhs.uk/1.pdf"},` +
		`"format":{"system":"https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1","code":"urn:nhs-ic:unstructured"}}],` +
		`"context":{"practiceSetting":{"coding":[{"system":"http://snomed.info/sct","code":"1291000175106"}]}}}`
}

func value(header, name string) string {
	for line := range strings.Lines(header) {
		if key, value, _ := strings.Cut(line, ":"); strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// summary says in a line what an answer holds.
func summary(t *testing.T, answer string) string {
	var resource struct {
		ResourceType string
		ID           string
		Status       string
		Total        int
		Issue        []struct {
			Code        string
			Diagnostics string
			Details     struct {
				Coding []struct{ Code, Display string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &resource), answer)
	switch resource.ResourceType {
	case "Bundle":
		return fmt.Sprintf("Bundle, total %d", resource.Total)
	case "DocumentReference":
		return fmt.Sprintf("DocumentReference %s, status %s", resource.ID, resource.Status)
	}
	require.Equal(t, "OperationOutcome", resource.ResourceType)
	issue := resource.Issue[0]
	return fmt.Sprintf("OperationOutcome %s %s: %s: %s", issue.Code, issue.Details.Coding[0].Code, issue.Details.Coding[0].Display, issue.Diagnostics)
}
