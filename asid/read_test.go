// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/asidyaml"
)

const inJSON = `{"systems": [
  {"asid": "200000000205", "ods": ["RR8"], "fqdns": ["nrl-rr8.supplier.thirdparty.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create",
                    "urn:nhs:names:services:nrl:DocumentReference.update"]},
  {"asid": "000000000205", "ods": ["1E5", "NO"], "fqdns": ["a.nhs.uk", "b.nhs.uk"]}
]}`

// The second system is one that YAML would take for a number in octal, a number
// with an exponent and a boolean.
const inYAML = `# who may do what
systems:
  - asid: 200000000205
    ods: [RR8]
    fqdns:
      - nrl-rr8.supplier.thirdparty.nhs.uk
    interactions:
      - urn:nhs:names:services:nrl:DocumentReference.create
      - "urn:nhs:names:services:nrl:DocumentReference.update"
  - {asid: 000000000205, ods: [1E5, NO], fqdns: [a.nhs.uk, b.nhs.uk]}
`

func inFile() []asid.System {
	return []asid.System{
		{
			ASID: asid.MustParseID("200000000205"), ODS: []asid.ODSCode{ods("RR8")}, FQDNs: []string{"nrl-rr8.supplier.thirdparty.nhs.uk"},
			Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate},
		},
		{ASID: asid.MustParseID("000000000205"), ODS: []asid.ODSCode{ods("1E5"), ods("NO")}, FQDNs: []string{"a.nhs.uk", "b.nhs.uk"}},
	}
}

func TestJSONAndYAMLSayTheSame(t *testing.T) {
	t.Parallel()
	fromJSON, err := asid.ReadRegistry(strings.NewReader(inJSON))
	require.NoError(t, err)
	assert.NoError(t, asidtest.TestRegistry(fromJSON, inFile()...))
	fromYAML, err := asidyaml.Read(strings.NewReader(inYAML))
	require.NoError(t, err)
	assert.NoError(t, asidtest.TestRegistry(fromYAML, inFile()...))
	// JSON is YAML.
	both, err := asidyaml.Read(strings.NewReader(inJSON))
	require.NoError(t, err)
	assert.NoError(t, asidtest.TestRegistry(both, inFile()...))
}

func TestAnEmptyRegistryIsAllowedIfItSaysSo(t *testing.T) {
	t.Parallel()
	m, err := asid.ReadRegistry(strings.NewReader(`{"systems":[]}`))
	require.NoError(t, err)
	assert.NoError(t, asidtest.TestRegistry(m))
	m, err = asidyaml.Read(strings.NewReader("systems: []\n"))
	require.NoError(t, err)
	assert.NoError(t, asidtest.TestRegistry(m))
}

func TestAMalformedRegistryFileIsRefused(t *testing.T) {
	t.Parallel()
	const system = `"asid":"200000000205","fqdns":["a.nhs.uk"]`
	for name, file := range map[string]string{
		"empty":                  ``,
		"no systems":             `{}`,
		"null":                   `{"systems":null}`,
		"a list alone":           `[]`,
		"truncated":              `{"systems":[{` + system + `}`,
		"something after it":     `{"systems":[]} {"systems":[]}`,
		"an unknown key":         `{"systems":[],"version":1}`,
		"an unknown key inside":  `{"systems":[{` + system + `,"name":"x"}]}`,
		"a key in other case":    `{"systems":[{` + system + `,"ODS":["RR8"]}]}`,
		"systems in other case":  `{"Systems":[]}`,
		"a key twice":            `{"systems":[],"systems":[]}`,
		"a key twice inside":     `{"systems":[{` + system + `,"asid":"200000000206"}]}`,
		"a key twice, escaped":   `{"systems":[{` + system + `,"\u0061sid":"200000000206"}]}`,
		"an ASID as a number":    `{"systems":[{"asid":200000000205,"fqdns":["a.nhs.uk"]}]}`,
		"an ASID too short":      `{"systems":[{"asid":"205","fqdns":["a.nhs.uk"]}]}`,
		"an ASID of null":        `{"systems":[{"asid":null,"fqdns":["a.nhs.uk"]}]}`,
		"no ASID":                `{"systems":[{"fqdns":["a.nhs.uk"]}]}`,
		"an ASID twice":          `{"systems":[{` + system + `},{` + system + `}]}`,
		"no FQDN":                `{"systems":[{"asid":"200000000205"}]}`,
		"a bad FQDN":             `{"systems":[{"asid":"200000000205","fqdns":["*.nhs.uk"]}]}`,
		"text where a list is":   `{"systems":[{"asid":"200000000205","fqdns":"a.nhs.uk"}]}`,
		"a bad ODS code":         `{"systems":[{` + system + `,"ods":["R R"]}]}`,
		"ODS codes of null":      `{"systems":[{` + system + `,"ods":null}]}`,
		"a null among ODS codes": `{"systems":[{` + system + `,"ods":[null]}]}`,
		"a bad interaction":      `{"systems":[{` + system + `,"interactions":["create"]}]}`,
		"invalid UTF-8":          "{\"systems\":[{" + system + ",\"ods\":[\"\xff\"]}]}",
		"a comment":              `{"systems":[]} // nobody`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := asid.ReadRegistry(strings.NewReader(file))
			var refused *asid.RegistryError
			require.ErrorAs(t, err, &refused)
			assert.Nil(t, m)
		})
	}
}

func TestAMalformedYAMLFileIsRefused(t *testing.T) {
	t.Parallel()
	const system = "systems:\n- asid: 200000000205\n  fqdns: [a.nhs.uk]\n"
	for name, file := range map[string]string{
		"empty":                  "",
		"only a comment":         "# nobody\n",
		"null":                   "~\n",
		"no systems":             "{}\n",
		"systems of null":        "systems:\n",
		"a scalar":               "systems\n",
		"a list alone":           "- asid: 200000000205\n",
		"a tab":                  "systems:\n\t- asid: 1\n",
		"an unknown key":         system + "version: 1\n",
		"an unknown key inside":  system + "  name: x\n",
		"a key in other case":    system + "  ODS: [RR8]\n",
		"a key twice":            "systems: []\nsystems: []\n",
		"a key twice inside":     system + "  asid: 200000000206\n",
		"a key twice, quoted":    system + "  \"asid\": 200000000206\n",
		"an anchor":              "systems:\n- asid: &a 200000000205\n  fqdns: [a.nhs.uk]\n",
		"an alias":               "systems:\n- asid: 200000000205\n  fqdns: &f [a.nhs.uk]\n- asid: 200000000206\n  fqdns: *f\n",
		"a merge":                "systems:\n- &a {asid: 200000000205, fqdns: [a.nhs.uk]}\n- {<<: *a, asid: 200000000206}\n",
		"a tag":                  "systems:\n- asid: !!str 200000000205\n  fqdns: [a.nhs.uk]\n",
		"a tag of one's own":     "systems:\n- asid: !asid 200000000205\n  fqdns: [a.nhs.uk]\n",
		"a tag on a list":        "systems: !!seq []\n",
		"two documents":          system + "---\n" + system,
		"a second, empty one":    system + "---\n",
		"an ASID too short":      "systems:\n- asid: 205\n  fqdns: [a.nhs.uk]\n",
		"an ASID in hexadecimal": "systems:\n- asid: 0x2E90EDD0CD\n  fqdns: [a.nhs.uk]\n",
		"an ASID with marks":     "systems:\n- asid: 200_000_000_205\n  fqdns: [a.nhs.uk]\n",
		"an ASID of null":        "systems:\n- asid:\n  fqdns: [a.nhs.uk]\n",
		"a list for an ASID":     "systems:\n- asid: [200000000205]\n  fqdns: [a.nhs.uk]\n",
		"an ASID twice":          system + "- asid: 200000000205\n  fqdns: [b.nhs.uk]\n",
		"no FQDN":                "systems:\n- asid: 200000000205\n",
		"text where a list is":   "systems:\n- asid: 200000000205\n  fqdns: a.nhs.uk\n",
		"a key that is a list":   "[systems]: []\n",
		"a system that is text":  "systems: [x]\n",
		"invalid UTF-8":          system + "  ods: [\"\xff\"]\n",
	} {
		t.Run(name, func(t *testing.T) {
			m, err := asidyaml.Read(strings.NewReader(file))
			var refused *asid.RegistryError
			require.ErrorAs(t, err, &refused)
			assert.Nil(t, m)
		})
	}
}

func TestARegistryThatCannotBeReadToItsEndIsRefused(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]func() io.Reader{
		"an error": func() io.Reader {
			return io.MultiReader(strings.NewReader(inJSON), iotest.ErrReader(io.ErrUnexpectedEOF))
		},
		"more than 16 MiB": func() io.Reader { return io.MultiReader(strings.NewReader(inJSON), endless{}) },
	} {
		for format, read := range map[string]func(io.Reader) (*asid.Memory, error){"JSON": asid.ReadRegistry, "YAML": asidyaml.Read} {
			t.Run(name+", "+format, func(t *testing.T) {
				_, err := read(r())
				var refused *asid.RegistryError
				assert.ErrorAs(t, err, &refused)
			})
		}
	}
}

// endless is white space without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(inJSON))
	f.Add([]byte(`{"systems":[{"asid":"200000000205","fqdns":["a.nhs.uk"],"ods":["x"],"ods":["y"]}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := asid.ReadRegistry(strings.NewReader(string(file)))
		if err != nil {
			return
		}
		// The standard library's reader finds the same systems.
		var other struct {
			Systems []struct {
				ASID         asid.ID
				ODS          []asid.ODSCode
				FQDNs        []string
				Interactions []asid.InteractionID
			}
		}
		require.NoError(t, json.Unmarshal(file, &other))
		var want []asid.System
		for _, s := range other.Systems {
			want = append(want, asid.System{ASID: s.ASID, ODS: s.ODS, FQDNs: s.FQDNs, Interactions: s.Interactions})
		}
		assert.NoError(t, asidtest.TestRegistry(m, want...))
	})
}

func FuzzReadYAML(f *testing.F) {
	f.Add([]byte(inYAML))
	f.Add([]byte(inJSON))
	f.Add([]byte("systems: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		fromYAML, err := asidyaml.Read(strings.NewReader(string(file)))
		if err != nil {
			assert.Nil(t, fromYAML)
			return
		}
		// What is JSON as well says the same there.
		if fromJSON, err := asid.ReadRegistry(strings.NewReader(string(file))); err == nil {
			assert.Equal(t, fromJSON.Systems(), fromYAML.Systems())
		}
	})
}
