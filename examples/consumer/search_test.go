// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
)

const nrlName, nhsNumber = "nrl.nhs.uk", "9434765919"

// document is a pointer to a record of the provider's.
func document(t *testing.T, n string) string {
	text, err := os.ReadFile("../../pointer/testdata/create-stu3.json")
	require.NoError(t, err)
	var d map[string]any
	require.NoError(t, json.Unmarshal(text, &d))
	d["subject"] = map[string]any{"reference": "https://demographics.spineservices.nhs.uk/STU3/Patient/" + nhsNumber}
	d["custodian"] = map[string]any{"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RR8"}
	delete(d, "masterIdentifier")
	content := d["content"].([]any)[:1]
	content[0].(map[string]any)["attachment"].(map[string]any)["url"] = "https://" + providerName + "/records/" + n
	d["content"] = content
	changed, err := json.Marshal(d)
	require.NoError(t, err)
	return string(changed)
}

// withNRL starts an NRL that has three pointers, and returns its URL.
func withNRL(t *testing.T, s *scene) string {
	t.Helper()
	maintainer := asid.System{ASID: asid.MustParseID(providerASID), ODS: []asid.ODSCode{ods(t, "RR8")}, FQDNs: []string{providerName},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate}}
	searcher := asid.System{ASID: asid.MustParseID(consumerASID), ODS: []asid.ODSCode{ods(t, "RGD")}, FQDNs: []string{consumerName},
		Interactions: []asid.InteractionID{asid.DocumentReferenceSearch}}
	registry, err := asid.NewMemory(maintainer, searcher)
	require.NoError(t, err)
	self := asid.MustParseID("999999999999")
	store := new(nrl.Store)
	local := &asid.Authorizer{Registry: registry, Self: self, Peers: asidtest.Peers{}}
	guard := &pointer.Guard{Resolver: store}
	for _, n := range []string{"1", "2", "3"} {
		r := asidtest.NewRequest(http.MethodPost, "/STU3/DocumentReference", maintainer, self)
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(document(t, n))), -1
		w := httptest.NewRecorder()
		local.Middleware(guard.Middleware(store)).ServeHTTP(w, r)
		require.Equal(t, http.StatusCreated, w.Code, w.Body)
	}
	end := s.files.PKI.Endpoint(nrlName, consumerName)
	server := s.files.PKI.NewServer(end, (&asid.Authorizer{Registry: registry, Self: self, Peers: end}).Middleware(guard.Middleware(store)))
	t.Cleanup(server.Close)
	return server.URL + "/STU3"
}

func TestAPatientsPointersAreSearchedAndTheirRecordsRetrieved(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	way := []string{"-nrl", withNRL(t, s), "-patient", nhsNumber, "-ssp", s.ssp.URL, "-fqdn", nrlName + "," + sspName, "-interaction",
		string(asid.DocumentReferenceContentRead)}
	stdout, _, err := s.retrieve(t, way...)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 4, stdout)
	assert.Equal(t, []string{"#", "TYPE", "CUSTODIAN", "FORMAT", "URL"}, strings.Fields(lines[0]))
	for i, line := range lines[1:] {
		assert.Contains(t, line, "RR8")
		assert.True(t, strings.HasSuffix(line, "https://"+providerName+"/records/"+string(rune('1'+i))), line)
	}

	audit := filepath.Join(t.TempDir(), "audit.json")
	stdout, stderr, err := s.retrieve(t, append(way, "-retrieve", "all", "-audit", audit)...)
	require.NoError(t, err, stderr)
	assert.Contains(t, stdout, "record /records/1record /records/2record /records/3")
	assert.Contains(t, stderr, "record 3 of 3: https://"+providerName+"/records/3\nstatus 200 OK\n")
	text, err := os.ReadFile(audit)
	require.NoError(t, err)
	assert.Equal(t, 4, bytes.Count(text, []byte("\n")), "one search and three retrievals")
	assert.NotContains(t, string(text), nhsNumber)

	stdout, _, err = s.retrieve(t, append(way, "-retrieve", "2")...)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(stdout, "record /records/2"))

	_, _, err = s.retrieve(t, append(way, "-retrieve", "4")...)
	assert.ErrorContains(t, err, "neither all nor the number")
	_, _, err = s.retrieve(t, append(way, "-patient", "9434765918")...)
	assert.ErrorContains(t, err, "NHS number")
	_, _, err = s.retrieve(t, append(way, "-user", "")...)
	assert.ErrorContains(t, err, "must have User or Patient")
}

func TestAnSSPThatIsUnavailableIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var asked atomic.Int32
	end := s.files.PKI.Endpoint(sspName, consumerName)
	ssp := s.files.PKI.NewServer(end, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= 2 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "record")
	}))
	t.Cleanup(ssp.Close)
	audit := filepath.Join(t.TempDir(), "audit.json")
	start := time.Now()
	stdout, stderr, err := s.retrieve(t, "-url", "https://"+providerName+"/records/1", "-ssp", ssp.URL, "-fqdn", sspName, "-audit", audit)
	require.NoError(t, err, "%s after %v", stderr, time.Since(start))
	assert.Equal(t, "record", stdout)
	assert.Equal(t, int32(3), asked.Load())
	file, err := os.Open(audit)
	require.NoError(t, err)
	defer file.Close()
	traces := make(map[any]bool)
	decoder := json.NewDecoder(file)
	for _, status := range []float64{503, 503, 200} {
		var record map[string]any
		require.NoError(t, decoder.Decode(&record))
		assert.Equal(t, status, record["status"])
		traces[record["trace"]] = true
	}
	assert.Len(t, traces, 3)
	assert.False(t, decoder.More(), "one record for each attempt")
}

func TestTheTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	rows := []row{
		{"1", "Mental health crisis plan\x1b[2J", "RR8", "Direct Access Unstructured\t", "https://provider.nhs.uk/records/1", ""},
		{"12", "EOLC", "RXA01", "PDF", "https://provider.nhs.uk/records/\u202e12", ""},
	}
	wide := []string{
		"#   TYPE                          CUSTODIAN  FORMAT                      URL",
		"1   Mental health crisis plan[2J  RR8        Direct Access Unstructured  https://provider.nhs.uk/records/1",
		"12  EOLC                          RXA01      PDF                         https://provider.nhs.uk/records/12",
	}
	for width, want := range map[int][]string{
		0: wide, 200: wide, 107: wide,
		106: {
			"#   TYPE                          CUSTODIAN  FORMAT",
			"1   Mental health crisis plan[2J  RR8        Direct Access Unstructured", "   https://provider.nhs.uk/records/1",
			"12  EOLC                          RXA01      PDF", "   https://provider.nhs.uk/records/12",
		},
		40: {
			"#   TYPE         CUSTODIAN  FORMAT",
			"1   Mental hea…  RR8        Direct Acc…", "   https://provider.nhs.uk/records/1",
			"12  EOLC         RXA01      PDF", "   https://provider.nhs.uk/records/12",
		},
		1: {
			"#   TYPE      CUSTODIAN  FORMAT",
			"1   Mental …  RR8        Direct …", "   https://provider.nhs.uk/records/1",
			"12  EOLC      RXA01      PDF", "   https://provider.nhs.uk/records/12",
		},
	} {
		var b bytes.Buffer
		require.NoError(t, table(&b, rows, width))
		assert.Equal(t, strings.Join(want, "\n")+"\n", b.String(), "%d columns", width)
	}
}

func TestWhatIsNoTerminalHasNoWidth(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	t.Setenv("COLUMNS", "")
	assert.Zero(t, columns(file))
	assert.Zero(t, columns(new(bytes.Buffer)))
	t.Setenv("COLUMNS", "40")
	assert.Equal(t, 40, columns(file))
	t.Setenv("COLUMNS", "-1")
	assert.Zero(t, columns(file))
}
