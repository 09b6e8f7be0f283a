// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A custodianSeen is what some reader finds in a body: the reference, and the
// system and value of the identifier, of each custodian that it finds.
type custodianSeen struct{ Reference, System, Value string }

// code is the ODS code that a reader would take it for.
func (c custodianSeen) code() string {
	if c.Reference != "" {
		return strings.ToUpper(strings.TrimPrefix(c.Reference, odsURL))
	}
	return strings.ToUpper(c.Value)
}

// A reading is what one reader makes of one body. It is of no interest if the
// reader refuses the body.
type reading struct {
	OK         bool
	Custodians []custodianSeen
}

// accepted returns the mutants that the guard accepts with a custodian, and who
// that is.
func accepted(t *testing.T, format string, n int) (bodies, owners []string) {
	for _, body := range mutants(t, format, n) {
		p, err := pointer.Parse("application/fhir+"+format, []byte(body))
		if err == nil && !p.Custodian.IsZero() {
			bodies = append(bodies, body)
			owners = append(owners, p.Custodian.String())
		}
	}
	t.Logf("the guard accepts %d of %d mutants", len(bodies), n)
	require.Greater(t, len(bodies), n/10, "a test with hardly anything to compare")
	require.Less(t, len(bodies), n*9/10, "mutations that are all harmless")
	return bodies, owners
}

func agree(t *testing.T, reader string, bodies, owners []string, readings []reading) {
	t.Helper()
	require.Len(t, readings, len(bodies))
	read := 0
	for i, r := range readings {
		if !r.OK {
			continue
		}
		read++
		assert.NotEmpty(t, r.Custodians, "%s sees no custodian in\n%s", reader, bodies[i])
		for _, c := range r.Custodians {
			require.Equal(t, owners[i], c.code(), "%s sees another custodian in\n%s", reader, bodies[i])
		}
	}
	t.Logf("%s accepts %d of them and agrees", reader, read)
	assert.Greater(t, read, len(bodies)/2, "%s refuses most of what the guard accepts", reader)
}

// each is what a reader finds in each body.
func each(bodies []string, read func(body []byte) reading) []reading {
	readings := make([]reading, len(bodies))
	for i, b := range bodies {
		readings[i] = read([]byte(b))
	}
	return readings
}

// ask lets a program read all bodies, one in base64 on each line, and answer
// with one reading on each line.
func ask(t *testing.T, bodies []string, path string, args ...string) []reading {
	t.Helper()
	var in bytes.Buffer
	for _, b := range bodies {
		fmt.Fprintln(&in, base64.StdEncoding.EncodeToString([]byte(b)))
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	require.NoError(t, err)
	var readings []reading
	for line := range strings.Lines(string(out)) {
		var r reading
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		readings = append(readings, r)
	}
	return readings
}

const nodeReader = `
for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  let out = {OK: false, Custodians: []};
  try {
    const c = JSON.parse(Buffer.from(line, 'base64').toString('utf8')).custodian;
    out = {OK: true, Custodians: [{Reference: c.reference || '', System: (c.identifier || {}).system || '', Value: (c.identifier || {}).value || ''}]};
  } catch (e) { if (!(e instanceof SyntaxError)) throw e; }
  console.log(JSON.stringify(out));
}`

// The reader of ElementTree is as lenient as can be: it finds custodians at any
// depth, in any namespace, and looks at their children likewise.
const elementTreeReader = `
import base64, json, sys
import xml.etree.ElementTree as E
local = lambda e: e.tag.rsplit('}', 1)[-1]
for line in sys.stdin:
    out = {'OK': False, 'Custodians': []}
    try:
        for c in E.fromstring(base64.b64decode(line)).iter():
            if local(c) != 'custodian':
                continue
            seen = {'Reference': '', 'System': '', 'Value': ''}
            for e in c.iter():
                name = {'reference': 'Reference', 'system': 'System', 'value': 'Value'}.get(local(e))
                if name:
                    seen[name] = e.get('value')
            out['Custodians'].append(seen)
        out['OK'] = True
    except E.ParseError:
        pass
    print(json.dumps(out))`

func TestJSONReadersSeeTheSameCustodian(t *testing.T) {
	t.Parallel()
	bodies, owners := accepted(t, "json", sample(6000))
	t.Run("encoding/json", func(t *testing.T) {
		agree(t, "encoding/json", bodies, owners, each(bodies, func(body []byte) (r reading) {
			var doc struct {
				Custodian struct {
					Reference  string
					Identifier struct{ System, Value string }
				}
			}
			r.OK = json.Unmarshal(body, &doc) == nil
			r.Custodians = []custodianSeen{{doc.Custodian.Reference, doc.Custodian.Identifier.System, doc.Custodian.Identifier.Value}}
			return r
		}))
	})
	t.Run("golang-fhir-models", func(t *testing.T) {
		text := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		agree(t, "golang-fhir-models", bodies, owners, each(bodies, func(body []byte) reading {
			doc, err := fhir.UnmarshalDocumentReference(body)
			if err != nil || doc.Custodian == nil {
				return reading{OK: err == nil}
			}
			seen := custodianSeen{Reference: text(doc.Custodian.Reference)}
			if id := doc.Custodian.Identifier; id != nil {
				seen.System, seen.Value = text(id.System), text(id.Value)
			}
			return reading{OK: true, Custodians: []custodianSeen{seen}}
		}))
	})
	t.Run("JSON.parse", func(t *testing.T) {
		agree(t, "JSON.parse", bodies, owners, ask(t, bodies, testenv.Need(t, "node", "nodejs"), "-e", nodeReader))
	})
}

func TestXMLReadersSeeTheSameCustodian(t *testing.T) {
	t.Parallel()
	bodies, owners := accepted(t, "xml", sample(6000))
	t.Run("encoding/xml", func(t *testing.T) {
		agree(t, "encoding/xml", bodies, owners, each(bodies, func(body []byte) (r reading) {
			var doc struct {
				Custodians []struct {
					Reference struct {
						Value string `xml:"value,attr"`
					} `xml:"reference"`
					Identifier struct {
						Value string `xml:"value,attr"`
					} `xml:"identifier>value"`
				} `xml:"custodian"`
			}
			r.OK = xml.Unmarshal(body, &doc) == nil
			for _, c := range doc.Custodians {
				r.Custodians = append(r.Custodians, custodianSeen{Reference: c.Reference.Value, Value: c.Identifier.Value})
			}
			return r
		}))
	})
	t.Run("ElementTree", func(t *testing.T) {
		agree(t, "ElementTree", bodies, owners, ask(t, bodies, testenv.Need(t, "python3", "python3"), "-c", elementTreeReader))
	})
	t.Run("xmllint", func(t *testing.T) {
		xmllint := testenv.Need(t, "xmllint", "libxml2-utils")
		readings := make([]reading, len(bodies))
		const batch = 100
		for from := 0; from < len(bodies); from += batch {
			to := min(from+batch, len(bodies))
			if !xmllintAll(t, xmllint, bodies[from:to], readings[from:to]) {
				for i := from; i < to; i++ { // one of them is not well-formed to libxml2
					xmllintAll(t, xmllint, bodies[i:i+1], readings[i:i+1])
				}
			}
		}
		agree(t, "xmllint", bodies, owners, readings)
	})
}

// xmllintAll starts xmllint once for all bodies and reports whether it accepts
// every one of them.
func xmllintAll(t *testing.T, xmllint string, bodies []string, readings []reading) bool {
	const expression = `concat(string(//*[local-name()="custodian"]/*[local-name()="reference"]/@value),"|",` +
		`string(//*[local-name()="custodian"]/*[local-name()="identifier"]/*[local-name()="value"]/@value),"|END|")`
	dir := t.TempDir()
	args := []string{"--noent", "--xpath", expression}
	for i, b := range bodies {
		args = append(args, filepath.Join(dir, fmt.Sprintf("%d.xml", i)))
		require.NoError(t, os.WriteFile(args[len(args)-1], []byte(b), 0o600))
	}
	out, err := exec.CommandContext(t.Context(), xmllint, args...).Output()
	if err != nil {
		return false
	}
	seen := strings.Split(string(out), "|END|")
	require.Len(t, seen, len(bodies)+1)
	for i := range bodies {
		reference, value, _ := strings.Cut(strings.TrimPrefix(seen[i], "\n"), "|")
		readings[i] = reading{OK: true, Custodians: []custodianSeen{{Reference: reference, Value: value}}}
	}
	return true
}
