// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

func TestAnInteractionIDIsAnyURN(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		string(asid.DocumentReferenceRead),
		string(asid.DocumentReferenceContentRead),
		"urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1",
		"urn:nhs:names:services:ebs:PRSC080000UK03",
		"urn:nhs-itk:services:201005:SendCDADocument-v2-0",
		"urn:oid:1.2.826.0.1285",
		"URN:NHS:names",
		"urn:example:a/b%2Fc",
		"urn:example:a1;b!$&'+,=:@~_",
		"urn:example:foo?+resolve?=query#fragment",
		"urn:example:foo?=a?b/c",
		"urn:example:foo#",
		"urn:" + strings.Repeat("n", 32) + ":x",
	} {
		id, err := asid.ParseInteractionID(s)
		assert.NoError(t, err, s)
		assert.Equal(t, s, string(id))
	}
}

func TestAnythingElseIsNoInteractionID(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"empty":                       "",
		"only the scheme":             "urn:",
		"a URL":                       "https://nhs.uk/read",
		"no namespace-specific part":  "urn:nhs",
		"an empty one":                "urn:nhs:",
		"only a fragment":             "urn:nhs:#x",
		"an empty namespace":          "urn::read",
		"a namespace of one letter":   "urn:n:read",
		"a namespace that is long":    "urn:" + strings.Repeat("n", 33) + ":x",
		"a namespace with a hyphen 1": "urn:-nhs:read",
		"a namespace with a hyphen 2": "urn:nhs-:read",
		"a namespace with a dot":      "urn:nhs.uk:read",
		"a slash at the start":        "urn:nhs:/read",
		"a blank":                     "urn:nhs:names services",
		"a trailing blank":            "urn:nhs:read ",
		"a leading blank":             " urn:nhs:read",
		"a line break":                "urn:nhs:read\r\nfromASID: 1",
		"a NUL":                       "urn:nhs:read\x00",
		"a letter that is not ASCII":  "urn:nhs:réad",
		"a broken escape":             "urn:nhs:%4",
		"an escape of letters":        "urn:nhs:%zz",
		"quotes":                      `"urn:nhs:read"`,
		"angle brackets":              "<urn:nhs:read>",
		"an empty component":          "urn:nhs:read?",
		"a component of no kind":      "urn:nhs:read?x=y",
		"an empty r-component":        "urn:nhs:read?+",
		"an empty q-component":        "urn:nhs:read?=",
		"both and the second empty":   "urn:nhs:read?+a?=",
		"two fragments":               "urn:nhs:read#a#b",
		"more than 255 bytes":         "urn:nhs:" + strings.Repeat("x", 248),
		"an asterisk":                 "urn:nhs:names:*",
		"parentheses":                 "urn:nhs:names:(a)",
		"an encoded NUL":              "urn:nhs:names:a%00",
	} {
		t.Run(name, func(t *testing.T) {
			id, err := asid.ParseInteractionID(s)
			assert.Error(t, err)
			assert.Empty(t, id)
		})
	}
}

func FuzzInteractionID(f *testing.F) {
	for _, s := range []string{string(asid.DocumentReferenceRead), "urn:", "urn:a:b", "urn:nhs:%4", "urn:nhs:a?+b?=c#d", "urn:00:("} {
		f.Add(s)
	}
	// The grammar of RFC 8141 section 2, as a regular expression.
	const pchar = `(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})`
	const component = pchar + `(?:` + pchar + `|[/?])*`
	// An r-component ends at the first "?=", so one with a "?=" in it is never seen.
	const grammar = `\A[uU][rR][nN]:[A-Za-z0-9][A-Za-z0-9\-]{0,30}[A-Za-z0-9]:` + pchar + `(?:` + pchar + `|/)*` +
		`(?:\?\+` + component + `)?(?:\?=` + component + `)?(?:#(?:` + pchar + `|[/?])*)?\z`
	f.Fuzz(func(t *testing.T, s string) {
		id, err := asid.ParseInteractionID(s)
		syntax := strings.ContainsAny(s, "*()") || strings.Contains(s, "%00") // of a directory's query
		if err == nil {
			assert.Equal(t, s, string(id))
			assert.Regexp(t, grammar, s)
			assert.False(t, syntax, s)
		} else if len(s) <= 255 && !syntax && !strings.Contains(s, "?=") {
			assert.NotRegexp(t, grammar, s)
		}
	})
}
