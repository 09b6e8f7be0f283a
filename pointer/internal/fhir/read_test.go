// SPDX-License-Identifier: Apache-2.0

package fhir_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

const (
	inJSON, inXML = "application/fhir+json", "application/fhir+xml"

	wholeJSON = `{"resourceType":"DocumentReference","id":"1","meta":{"versionId":"2","lastUpdated":"2026-02-03T10:15:00Z","profile":["p"]},` +
		`"masterIdentifier":{"system":"urn:s","value":"v"},"status":"current","subject":{"reference":"https://pds.example/Patient/1"},` +
		`"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/A81001"},` +
		`"relatesTo":[{"code":"replaces","target":{"identifier":{"system":"urn:s","value":"w"}}}],"description":"d"}`
	wholeXML = `<DocumentReference xmlns="http://hl7.org/fhir"><id value="1"/><meta><versionId value="2"/><lastUpdated value="2026-02-03T10:15:00Z"/><profile value="p"/></meta>` +
		`<masterIdentifier><system value="urn:s"/><value value="v"/></masterIdentifier><status value="current"/><subject><reference value="https://pds.example/Patient/1"/></subject>` +
		`<custodian><reference value="https://directory.spineservices.nhs.uk/STU3/Organization/A81001"/></custodian>` +
		`<relatesTo><code value="replaces"/><target><identifier><system value="urn:s"/><value value="w"/></identifier></target></relatesTo><description value="d"/></DocumentReference>`
)

// kindOf reads a body and returns how and where it is refused.
func kindOf(t *testing.T, r fhir.Reader, contentType, body string) (fhir.Kind, string) {
	t.Helper()
	p, err := r.DocumentReference(contentType, []byte(body))
	if err == nil {
		return 0, ""
	}
	assert.Nil(t, p)
	refused, ok := errors.AsType[*fhir.Error](err)
	require.True(t, ok, "%v", err)
	return refused.Kind, refused.Element
}

// What ends early is malformed, wherever it ends.
func TestEveryBeginningOfABodyIsMalformed(t *testing.T) {
	t.Parallel()
	for contentType, whole := range map[string]string{inJSON: wholeJSON, inXML: wholeXML} {
		// Of XML, too, with end tags and white space.
		long := regexp.MustCompile(`<(\w+) (value="[^"]*")/>`).ReplaceAllString(whole, "<$1 $2> </$1>")
		for _, whole := range []string{whole, long} {
			for _, stored := range []bool{false, true} {
				r := fhir.Reader{Stored: stored}
				kind, _ := kindOf(t, r, contentType, whole)
				require.Zero(t, kind)
				for n := range len(whole) {
					kind, _ := kindOf(t, r, contentType, whole[:n])
					require.Equal(t, fhir.Malformed, kind, "%s", whole[:n])
				}
			}
		}
	}
}

// An element of the wrong kind is refused, and the refusal says where it is.
func TestARefusalSaysWhichElement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, json, oldXML, xml, element string }{
		{`"id":"1"`, `"id":1`, `<id value="1"/>`, `<id/>`, "id"},
		{`"id":"1"`, `"id":"a b"`, `<id value="1"/>`, `<id value="a b"/>`, "id"},
		{`"meta":{`, `"meta":1,"language":{`, `<meta>`, `<meta value="1">`, "meta"},
		{`"versionId":"2"`, `"versionId":2`, `<versionId value="2"/>`, `<versionId/>`, "meta.versionId"},
		{`"versionId":"2"`, `"VersionId":"2"`, `<versionId value="2"/>`, `<VersionId value="2"/>`, "meta.VersionId"},
		{`"masterIdentifier":{`, `"masterIdentifier":1,"language":{`, `<masterIdentifier>`, `<masterIdentifier value="1">`, "masterIdentifier"},
		{`"system":"urn:s","value":"v"`, `"system":1,"value":"v"`, `<system value="urn:s"/><value value="v"/>`, `<system/><value value="v"/>`, "masterIdentifier.system"},
		{`"system":"urn:s","value":"v"`, `"system":"urn:s","value":1`, `<system value="urn:s"/><value value="v"/>`, `<system value="urn:s"/><value/>`, "masterIdentifier.value"},
		{`"system":"urn:s","value":"v"`, `"system":"urn:s","Value":"v"`, `<system value="urn:s"/><value value="v"/>`, `<system value="urn:s"/><Value value="v"/>`, "masterIdentifier.Value"},
		{`"status":"current"`, `"status":1`, `<status value="current"/>`, `<status/>`, "status"},
		{`"subject":{`, `"subject":1,"type":{`, `<subject>`, `<subject value="1">`, "subject"},
		{`"reference":"https://pds.example/Patient/1"`, `"reference":1`, `<reference value="https://pds.example/Patient/1"/>`, `<reference/>`, "subject.reference"},
		{`"reference":"https://pds.example/Patient/1"`, `"identifier":1`, `<reference value="https://pds.example/Patient/1"/>`, `<identifier value="1"/>`, "subject.identifier"},
		{`"custodian":{`, `"custodian":1,"type":{`, `<custodian>`, `<custodian value="1">`, "custodian"},
		{`{"code":"replaces"`, `{"code":1`, `<code value="replaces"/>`, `<code/>`, "relatesTo.code"},
		{`"target":{`, `"target":1,"extension":{`, `<target>`, `<target value="1">`, "relatesTo.target"},
		{`"target":{`, `"Target":{`, `<target>`, `<Target>`, "relatesTo.Target"},
		{`"system":"urn:s","value":"w"`, `"system":"urn:s","value":1`, `<value value="w"/>`, `<value/>`, "relatesTo.target.identifier.value"},
		{`"relatesTo":[{`, `"relatesTo":[1,{`, `<relatesTo>`, `<relatesTo value="1">`, "relatesTo"},
	} {
		for contentType, body := range map[string]string{
			inJSON: strings.Replace(wholeJSON, c.old, c.json, 1), inXML: strings.Replace(wholeXML, c.oldXML, c.xml, 1),
		} {
			require.NotContains(t, []string{wholeJSON, wholeXML}, body)
			kind, element := kindOf(t, fhir.Reader{}, contentType, body)
			assert.Equal(t, fhir.Refused, kind, body)
			assert.Equal(t, c.element, element, body)
		}
	}
	kind, element := kindOf(t, fhir.Reader{}, inJSON, strings.Replace(wholeJSON, `[{"code"`, `{"x":[{"code"`, 1))
	assert.Equal(t, fhir.Refused, kind)
	assert.Equal(t, "relatesTo", element, "no array")
	kind, _ = kindOf(t, fhir.Reader{}, inJSON, strings.Replace(wholeJSON, `"relatesTo":[{`, `"relatesTo":[],"content":[{`, 1))
	assert.Equal(t, fhir.Refused, kind, "an empty array")
}

func TestDocumentsOfXML(t *testing.T) {
	t.Parallel()
	const taken = fhir.Kind(0)
	swap := func(old, new string) string { return strings.Replace(wholeXML, old, new, 1) }
	const narrative = `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>x</p></div></text>`
	deep := func(n int) string { // n elements within each other, the root included
		return swap("<status", "<class>"+strings.Repeat("<coding>", n-2)+strings.Repeat("</coding>", n-2)+"</class><status")
	}
	for name, c := range map[string]struct {
		body string
		want fhir.Kind
	}{
		"a name with a prefix":                               {strings.NewReplacer("<status", "<f:status").Replace(wholeXML), fhir.Refused},
		"a name that begins with a colon":                    {swap("<status", "<:status"), fhir.Refused},
		"an attribute with a prefix":                         {swap("<status value", "<status x:value"), fhir.Refused},
		"an attribute that begins with a colon":              {swap("<status value", "<status :value"), fhir.Refused},
		"an ignored element's attribute with a prefix":       {swap("<description value", "<description x:lang='en' value"), fhir.Refused},
		"a prefix within what is ignored":                    {swap("<description", "<content><f:x/></content><description"), fhir.Refused},
		"a colon before a name within what is ignored":       {swap("<description", "<content><:x/></content><description"), fhir.Refused},
		"a colon before an attribute within what is ignored": {swap("<description", "<content><x :y='z'/></content><description"), fhir.Refused},
		"a root that is a narrative":                         {`<div xmlns="http://www.w3.org/1999/xhtml"/>`, fhir.Refused},
		"a language outside the narrative":                   {swap("<description value", "<description xml:lang='en' value"), fhir.Refused},
		"a language in the narrative":                        {swap("<status", strings.Replace(narrative, "<p>", `<p xml:lang="cy">`, 1)+"<status"), taken},
		"a language on the narrative":                        {swap("<status", strings.Replace(narrative, "<div ", `<div xml:lang="cy" `, 1)+"<status"), taken},
		"another attribute of xml's in the narrative":        {swap("<status", strings.Replace(narrative, "<p>", `<p xml:space="preserve">`, 1)+"<status"), fhir.Refused},
		"CDATA in a comment":                                 {swap("<status", "<!-- <![CDATA[ --><status"), fhir.Refused},
		"a comment":                                          {swap("<status", "<!-- x --><status"), taken},
		"U+FFFE":                                             {swap(`value="d"`, "value=\"\uFFFE\""), fhir.Malformed},
		"U+FFFF":                                             {swap(`value="d"`, "value=\"\uFFFF\""), fhir.Malformed},
		"a control":                                          {swap(`value="d"`, "value=\"\x01\""), fhir.Malformed},
		"no UTF-8":                                           {swap(`value="d"`, "value=\"\xff\""), fhir.Malformed},
		"an end before the beginning":                        {"</DocumentReference>", fhir.Malformed},
		"an end of another element":                          {swap("</meta>", "</text>"), fhir.Malformed},
		"text before the root":                               {"x" + wholeXML, fhir.Malformed},
		"text behind the root":                               {wholeXML + "x", fhir.Malformed},
		"markup behind the root":                             {wholeXML + "<", fhir.Malformed},
		"another root":                                       {wholeXML + "<x/>", fhir.Malformed},
		"a comment behind the root":                          {wholeXML + " <!-- x -->\n", taken},
		"text between elements":                              {swap("<status", "x<status"), fhir.Refused},
		"text in a value":                                    {swap(`<status value="current"/>`, `<status value="current">x</status>`), fhir.Refused},
		"white space in a value's element":                   {swap(`<status value="current"/>`, "<status value=\"current\">\n</status>"), taken},
		"as deep as may be":                                  {deep(64), taken},
		"deeper":                                             {deep(65), fhir.Refused},
		"FHIR's namespace twice":                             {swap("<subject>", `<subject xmlns="http://hl7.org/fhir">`), taken},
		"FHIR's namespace on an inner element alone":         {strings.Replace(strings.Replace(wholeXML, ` xmlns="http://hl7.org/fhir"`, "", 1), "<subject>", `<subject xmlns="http://hl7.org/fhir">`, 1), fhir.Refused},
		"FHIR's namespace as a reference":                    {swap("http://hl7.org", "http:&#x2F;/hl7.org"), taken},
		"no namespace":                                       {strings.Replace(wholeXML, ` xmlns="http://hl7.org/fhir"`, "", 1), taken},
		"another namespace":                                  {swap("http://hl7.org/fhir", "http://hl7.org/fhir5"), fhir.Refused},
		"another namespace within":                           {swap("<subject>", `<subject xmlns="urn:x">`), fhir.Refused},
		"a narrative":                                        {swap("<status", narrative+"<status"), taken},
		"XHTML on what is no div":                            {swap("<status", strings.NewReplacer("<div", "<p", "</div", "</p").Replace(narrative)+"<status"), fhir.Refused},
		"a div outside text":                                 {swap("<status", "<type>"+strings.TrimSuffix(strings.TrimPrefix(narrative, "<text>"), "</text>")+"</type><status"), fhir.Refused},
		"XHTML declared twice":                               {swap("<status", strings.Replace(narrative, "<p>", `<p xmlns="http://www.w3.org/1999/xhtml">`, 1)+"<status"), fhir.Refused},
		"a div in a text in the div":                         {swap("<status", strings.Replace(narrative, "<p>x</p>", `<text><div xmlns="http://www.w3.org/1999/xhtml"/></text>`, 1)+"<status"), fhir.Refused},
		"FHIR's namespace in the narrative":                  {swap("<status", strings.Replace(narrative, "<p>", `<p xmlns="http://hl7.org/fhir">`, 1)+"<status"), fhir.Refused},
		"text behind the narrative's div":                    {swap("<status", strings.Replace(narrative, "</div>", "</div>x", 1)+"<status"), fhir.Refused},
		"text behind an element in the narrative":            {swap("<status", strings.Replace(narrative, "</p>", "</p>x", 1)+"<status"), taken},
		"an attribute on the root":                           {swap("<DocumentReference ", `<DocumentReference id="x" `), fhir.Refused},
		"another root element":                               {strings.ReplaceAll(wholeXML, "DocumentReference", "Basic"), fhir.Refused},
		"an id on an element":                                {swap("<subject>", `<subject id="x">`), taken},
		"another attribute on an element":                    {swap("<subject>", `<subject value="x">`), fhir.Refused},
		"an id beside a value that decides":                  {swap(`<status value`, `<status id="x" value`), fhir.Refused},
		"an extension of a value that decides":               {swap(`<status value="current"/>`, `<status value="current"><extension url="x"/></status>`), fhir.Refused},
		"an extension of another value":                      {swap(`<description value="d"/>`, `<description value="d"><extension url="x"/></description>`), taken},
		"a custodian within what is ignored":                 {swap("<description", `<content><custodian/></content><description`), fhir.Refused},
		"an identifier within the custodian's parts":         {swap("<custodian>", `<custodian><extension><identifier/></extension>`), fhir.Refused},
		"a relatesTo within what is ignored":                 {swap("<description", `<extension url="u"><relatesTo/></extension><description`), fhir.Refused},
		"a masterIdentifier within what is ignored":          {swap("<description", `<context><related><masterIdentifier/></related></context><description`), fhir.Refused},
		"a subject within what is ignored":                   {swap("<description", `<text><subject/></text><description`), fhir.Refused},
		"another pointer within a relatesTo":                 {swap("<relatesTo>", `<relatesTo><extension url="u"><valueReference><reference value="DocumentReference/y"/></valueReference></extension>`), fhir.Refused},
		"an identifier within what is ignored":               {swap("<description", `<content><identifier/></content><description`), taken},
		"an attribute twice":                                 {swap("<status value", `<status value="x" value`), fhir.Malformed},
		"an element twice":                                   {swap("<status", `<status value="current"/><status`), fhir.Refused},
		"an ignored one twice":                               {swap("<description", `<description value="x"/><description`), fhir.Refused},
		"an ignored one that may be there twice":             {swap("<description", `<content/><content/><description`), taken},
		"an element twice, in different ones":                {swap("</subject>", `<identifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="1"/></identifier></subject>`), fhir.Invalid},
	} {
		kind, _ := kindOf(t, fhir.Reader{}, inXML, c.body)
		assert.Equal(t, c.want, kind, name)
	}
}

// What is stored was taken once: it may have what FHIR allows, but nothing that
// makes the owner another one.
func TestStoredDocumentsOfXML(t *testing.T) {
	t.Parallel()
	swap := func(old, new string) string { return strings.Replace(wholeXML, old, new, 1) }
	for name, c := range map[string]struct {
		body string
		want fhir.Kind
	}{
		"an element that is not known":              {swap("<status", "<sourceOfTruth><x/></sourceOfTruth><status"), 0},
		"one that is there twice":                   {swap("<status", "<contained><Organization/></contained><contained/><status"), 0},
		"a value with id and extension":             {swap(`<status value="current"/>`, `<status id="x" value="current"><extension url="x"><valueString value="y"/></extension></status>`), 0},
		"a value with an attribute that is unknown": {swap(`<status value`, `<status x="x" value`), fhir.Refused},
		"a value without one":                       {swap(`<status value="current"/>`, `<status id="x"/>`), fhir.Refused},
		"a custodian of something that is ignored":  {swap("<description", `<content><custodian><reference value="x"/></custodian></content><description`), 0},
		"another spelling of the custodian":         {swap("<description", `<Custodian/><description`), fhir.Refused},
		"a modifier extension":                      {swap("<description", `<modifierExtension url="x"/><description`), fhir.Refused},
		"an unknown element of the custodian":       {swap("<custodian>", "<custodian><x/>"), fhir.Refused},
		"an id beside the custodian's value":        {swap(`<reference value="https://dir`, `<reference id="x" value="https://dir`), fhir.Refused},
		"an extension of the custodian's value": {swap(`Organization/A81001"/></custodian>`, `Organization/A81001"><extension url="x"/></reference></custodian>`),
			fhir.Refused},
		"a subject that is read in two ways":      {swap("<subject>", `<subject><Reference value="x"/>`), fhir.Refused},
		"a subject that is relative":              {swap("https://pds.example/", ""), 0},
		"an unknown element behind the custodian": {swap("</custodian>", "</custodian><x/>"), 0},
		"relations that are none":                 {swap(`<code value="replaces"/>`, `<Code/>`), 0},
		"an identifier without a system":          {swap(`<system value="urn:s"/>`, ""), 0},
	} {
		kind, _ := kindOf(t, fhir.Reader{Stored: true}, inXML, c.body)
		assert.Equal(t, c.want, kind, name)
	}
	kind, _ := kindOf(t, fhir.Reader{Stored: true}, inJSON, strings.Replace(wholeJSON, `"subject":{`, `"subject":{"Reference":"x",`, 1))
	assert.Equal(t, fhir.Refused, kind)
	p, err := fhir.Reader{Stored: true}.DocumentReference(inXML, []byte(swap(`<status value="current"/>`, `<status value="superseded"><extension url="x"><y/></extension></status>`)))
	require.NoError(t, err)
	assert.Equal(t, "superseded", p.Status)
	assert.Equal(t, "https://pds.example/Patient/1", p.Subject, "what is behind it is read, too")
}
