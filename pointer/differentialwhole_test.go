// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// fragments are what the mutants of wholeMutants have in odd places.
var fragments = []string{
	"<!-- x -->", "<!---->", "<!-->", "<!--->", "<!-- -- -->", "<![CDATA[x]]>", "]]>", "<?x y?>", "<?xml version='1.0'?>", "<!DOCTYPE a>", "<x/>",
	"&#x41;", "&#65;", "&#x0041;", "&#0000000000000000000000000000065;", "&#x000000000000000000000000000000000041;", "&amp;", "&lt;", "&quot;", "&apos;", "&gt;",
	"&#9;", "&#10;", "&#13;", "&#32;", "&#x85;", "&#xA0;", "&#x2028;", "&#xFEFF;", "&#xFFFE;", "&#x1F;", "&#x110000;", "&#xD83D;&#xDE00;", "&#X41;", "&nbsp;", "&", "&;",
	"\t", "\n", "\r", "\r\n", " ", "\u0085", "\u00a0", "\u2028", "\u2029", "\ufeff", "\ufffe", "\U0001F600", "\U0001FFFE", "\u0301", "\x00", "\x7f", "\x1b", "\xff", "\xc0\x80",
	"'", `"`, "=", "<", ">", "/", "/>", "</", ":", "-", ".", "é",
	` id="x"`, ` value="x"`, ` value='y'`, ` VALUE="x"`, ` xml:lang="en"`, ` xml:base="https://x.example/"`, ` xml:space="preserve"`, ` xml:id="x"`,
	` xmlns="http://hl7.org/fhir"`, ` xmlns=""`, ` xmlns="urn:x"`, ` xmlns:f="http://hl7.org/fhir"`, ` f:value="x"`, ` xmlns:xml="http://www.w3.org/XML/1998/namespace"`,
	`<id value="y"/>`, `<meta><versionId value="9"/></meta>`, `<status value="superseded"/>`, `<identifier><system value="urn:t"/><value value="z"/></identifier>`,
	`<masterIdentifier><system value="urn:t"/><value value="z"/></masterIdentifier>`, `<extension url="u"><valueString value="z"/></extension>`,
	`<relatesTo><code value="replaces"/><target><reference value="DocumentReference/z"/></target></relatesTo>`,
	`<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a<b>b</b> &lt;</div></text>`,
}

// wholeMutants makes n bodies of XML that are odd in one or two places, the
// same ones every time.
func wholeMutants(t testing.TB, n int) []string {
	r := rand.New(rand.NewPCG(7, 7))
	var examples []string
	for _, name := range []string{"create", "supersede-both"} {
		for _, version := range []string{"stu3", "r4"} {
			examples = append(examples, load(t, name, version, "xml").text)
		}
	}
	bodies := make([]string, n)
	for i := range bodies {
		s := examples[r.IntN(len(examples))]
		if r.IntN(2) == 0 {
			s = strings.Replace(s, "<status", `<id value="x"/><meta><versionId value="3"/></meta><status`, 1)
		}
		for range 1 + r.IntN(2) {
			at := r.IntN(len(s) + 1)
			if r.IntN(2) == 0 { // where a token begins or ends, so that more of them are well-formed
				if next := strings.IndexAny(s[at:], `<>"' `); next >= 0 {
					at += next + r.IntN(2)
				}
			}
			to := min(len(s), at+r.IntN(60))
			switch r.IntN(8) {
			case 0: // gone
				s = s[:at] + s[to:]
			case 1: // twice
				s = s[:to] + s[at:to] + s[to:]
			case 2: // one more attribute
				if end := strings.Index(s[at:], "/>"); end >= 0 {
					at += end
					attribute := fragments[r.IntN(len(fragments))]
					for !strings.Contains(attribute, "=\"") || attribute[0] != ' ' {
						attribute = fragments[r.IntN(len(fragments))]
					}
					s = s[:at] + attribute[r.IntN(2):] + s[at:]
				}
			default:
				s = s[:at] + fragments[r.IntN(len(fragments))] + s[at:]
			}
		}
		bodies[i] = s
	}
	return bodies
}

// A wholeReading is every value that decides about a pointer, as often as a
// reader that goes by local names finds it.
type wholeReading struct {
	OK     bool
	Values map[string][]string
}

// wholePaths are where the values are.
var wholePaths = []string{"id", "meta/versionId", "status", "subject/reference", "subject/identifier/system", "subject/identifier/value",
	"custodian/reference", "custodian/identifier/system", "custodian/identifier/value", "masterIdentifier/system", "masterIdentifier/value",
	"relatesTo/code", "relatesTo/target/reference", "relatesTo/target/identifier/system", "relatesTo/target/identifier/value"}

// expatReader goes by the events of expat: no tree is between.
const expatReader = `
import base64, json, sys
from xml.parsers import expat
paths = set(sys.argv[1].split())
for line in sys.stdin:
    out, at = {'OK': False, 'Values': {}}, []
    def start(name, attrs):
        at.append(name.rsplit(' ', 1)[-1])
        path = '/'.join(at[1:])
        if path in paths:
            out['Values'].setdefault(path, []).append(attrs.get('value', ''))
    def end(name):
        at.pop()
    p = expat.ParserCreate(namespace_separator=' ')
    p.StartElementHandler, p.EndElementHandler = start, end
    try:
        p.Parse(base64.b64decode(line), True)
        out['OK'] = True
    except expat.ExpatError as e:
        out['Values'] = {'error': [str(e)]}
    print(json.dumps(out))`

func wholeByEncodingXML(body string) (r wholeReading) {
	r.Values = map[string][]string{}
	dec := xml.NewDecoder(strings.NewReader(body))
	var at []string
	for {
		tok, err := dec.Token()
		if err != nil {
			r.OK = len(at) == 0 && dec.InputOffset() == int64(len(body))
			return r
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			at = append(at, tok.Name.Local)
			if path := strings.Join(at[1:], "/"); slices.Contains(wholePaths, path) {
				value := ""
				for _, a := range tok.Attr {
					if a.Name.Local == "value" {
						value = a.Value
					}
				}
				r.Values[path] = append(r.Values[path], value)
			}
		case xml.EndElement:
			at = at[:len(at)-1]
		}
	}
}

// judgedOf is what the guard says of a body that another reader has read so. What
// the guard makes of several values is what it is to make of them; whatever the
// guard does not say has to be absent.
func judgedOf(t *testing.T, p *pointer.Pointer, seen wholeReading, body, reader string) {
	t.Helper()
	one := func(path string) string {
		values := seen.Values[path]
		require.LessOrEqual(t, len(values), 1, "%s finds %s twice in\n%s", reader, path, body)
		if len(values) == 0 {
			return ""
		}
		return values[0]
	}
	equal := func(want, got, what string) {
		require.Equal(t, want, got, "%s reads another %s in\n%q", reader, what, body)
	}
	equal(p.ID, one("id"), "id")
	equal(p.Version, one("meta/versionId"), "version")
	equal(p.Status, one("status"), "status")
	equal(p.MasterIdentifier.System, one("masterIdentifier/system"), "system")
	equal(p.MasterIdentifier.Value, one("masterIdentifier/value"), "value")
	for _, by := range []struct{ path, url string }{{"subject", p.Subject}, {"custodian", odsURL + p.Custodian.String()}} {
		reference, value := one(by.path+"/reference"), one(by.path+"/identifier/value")
		if reference != "" {
			equal(strings.ToUpper(by.url), strings.ToUpper(reference), by.path)
		}
		if value != "" {
			equal(by.url[strings.LastIndexByte(by.url, '/')+1:], strings.ToUpper(value), by.path)
		}
		if by.path == "subject" || !p.Custodian.IsZero() {
			equal(fmt.Sprint(by.url != ""), fmt.Sprint(reference != "" || value != ""), by.path)
		}
	}
	var codes []string
	for _, rel := range p.RelatesTo {
		codes = append(codes, rel.Code)
		if len(p.RelatesTo) > 1 {
			continue
		}
		reference := one("relatesTo/target/reference")
		equal(rel.Target.ID, reference[strings.LastIndexByte(reference, '/')+1:], "target")
		equal(rel.Target.Identifier.System, one("relatesTo/target/identifier/system"), "target")
		equal(rel.Target.Identifier.Value, one("relatesTo/target/identifier/value"), "target")
	}
	if len(codes) > 1 && reader == "libxml2" {
		require.Len(t, seen.Values["relatesTo/code"], len(codes), "%q", body)
	} else if !slices.Contains(codes, "") { // a relation without a code, which the judge refuses
		require.Equal(t, codes, seen.Values["relatesTo/code"], "%s reads other relations in\n%q", reader, body)
	}
}

// Whatever the guard takes is well-formed to readers that others have written, and
// they read the same pointer in it, value for value.
func TestXMLReadersSeeTheSamePointer(t *testing.T) {
	t.Parallel()
	n, trees := sample(12_000), sample(6000)
	var bodies []string
	var pointers []*pointer.Pointer
	for _, body := range slices.Concat(wholeMutants(t, n), mutants(t, "xml", trees)) {
		if p, err := pointer.Parse("application/fhir+xml", []byte(body)); err == nil {
			bodies, pointers = append(bodies, body), append(pointers, p)
		}
	}
	t.Logf("the guard accepts %d of %d mutants", len(bodies), n+trees)
	require.Greater(t, len(bodies), n/10, "a test with hardly anything to compare")
	t.Run("encoding/xml", func(t *testing.T) {
		for i, body := range bodies {
			seen := wholeByEncodingXML(strings.TrimPrefix(body, "\ufeff"))
			require.True(t, seen.OK, "%q", body)
			judgedOf(t, pointers[i], seen, body, "encoding/xml")
		}
	})
	t.Run("expat", func(t *testing.T) {
		var in bytes.Buffer
		for _, b := range bodies {
			fmt.Fprintln(&in, base64.StdEncoding.EncodeToString([]byte(b)))
		}
		cmd := exec.CommandContext(t.Context(), testenv.Need(t, "python3", "python3"), "-c", expatReader, strings.Join(wholePaths, " "))
		cmd.Stdin = &in
		out, err := cmd.Output()
		require.NoError(t, err)
		lines := bufio.NewScanner(bytes.NewReader(out))
		lines.Buffer(nil, 1<<20)
		for i, body := range bodies {
			require.True(t, lines.Scan())
			var seen wholeReading
			require.NoError(t, json.Unmarshal(lines.Bytes(), &seen))
			require.True(t, seen.OK, "expat says of what the guard takes %v: %q", seen.Values, body)
			judgedOf(t, pointers[i], seen, body, "expat")
		}
		assert.False(t, lines.Scan())
	})
	t.Run("libxml2", func(t *testing.T) {
		xmllint := testenv.Need(t, "xmllint", "libxml2-utils")
		for from := 0; from < len(bodies); from += 500 {
			to := min(from+500, len(bodies))
			for i, seen := range wholeByLibxml2(t, xmllint, bodies[from:to]) {
				judgedOf(t, pointers[from+i], seen, bodies[from+i], "libxml2")
			}
		}
	})
}

// wholeByLibxml2 starts xmllint once for all bodies, which are to be well-formed.
func wholeByLibxml2(t *testing.T, xmllint string, bodies []string) (readings []wholeReading) {
	const separator, end = "\uE000", "\uE001" // of no body
	var parts []string
	for _, path := range wholePaths {
		at := `/*/*[local-name()="` + strings.ReplaceAll(path, "/", `"]/*[local-name()="`) + `"]`
		parts = append(parts, "count("+at+")", `"`+separator+`"`, "string("+at+"/@value)", `"`+separator+`"`)
	}
	dir := t.TempDir()
	args := []string{"--noent", "--xpath", "concat(" + strings.Join(parts, ",") + `,"` + end + `")`}
	for i, b := range bodies {
		args = append(args, fmt.Sprintf("%d.xml", i))
		require.NoError(t, os.WriteFile(filepath.Join(dir, args[len(args)-1]), []byte(b), 0o600))
	}
	cmd := exec.CommandContext(t.Context(), xmllint, args...)
	var said bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &said
	out, err := cmd.Output()
	require.NoError(t, err, "libxml2 refuses what the guard takes: %s", &said)
	for answer := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(string(out)), end), end) {
		seen := wholeReading{OK: true, Values: map[string][]string{}}
		fields := strings.Split(strings.TrimPrefix(answer, "\n"), separator)
		require.Len(t, fields, 2*len(wholePaths)+1)
		for i, path := range wholePaths {
			times, err := strconv.Atoi(fields[2*i])
			require.NoError(t, err)
			for n := range times {
				// Of several, which relations alone have, it gives the first.
				seen.Values[path] = append(seen.Values[path], map[bool]string{true: fields[2*i+1]}[n == 0])
			}
		}
		readings = append(readings, seen)
	}
	require.Len(t, readings, len(bodies))
	return readings
}
