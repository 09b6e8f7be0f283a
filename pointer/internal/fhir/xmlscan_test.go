// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tokens is what the scanner makes of body, one line each.
func tokens(body []byte) (list []string, err error) {
	s := xmlScanner{body: body}
	for {
		t, err := s.next()
		if err != nil {
			return list, err
		}
		switch t {
		case xmlEOF:
			return list, nil
		case xmlStart:
			line := "<" + string(s.name)
			for _, a := range s.attrs {
				line += "|" + string(a.name) + "=" + unified(unescaped(a.raw))
			}
			list = append(list, line)
		case xmlEnd:
			list = append(list, "/"+string(s.name))
		case xmlText:
			list = append(list, "="+unified(unescaped(s.text)))
		}
	}
}

// unified writes line ends as section 2.11 of XML 1.0 does. The guard needs not:
// no value that it reads may have any.
func unified(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// peerTokens is what encoding/xml makes of body. Comments part texts there, too.
func peerTokens(body []byte) (list []string, err error) {
	whole := func(n xml.Name) string {
		if n.Space != "" {
			return n.Space + ":" + n.Local
		}
		return n.Local
	}
	dec := xml.NewDecoder(bytes.NewReader(body))
	for {
		t, err := dec.RawToken()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			line := "<" + whole(t.Name)
			for _, a := range t.Attr {
				line += "|" + whole(a.Name) + "=" + unified(a.Value)
			}
			list = append(list, line)
		case xml.EndElement:
			list = append(list, "/"+whole(t.Name))
		case xml.CharData:
			list = append(list, "="+unified(string(t)))
		}
	}
}

// stricter are the ways in which the scanner calls a body malformed that
// encoding/xml takes. XML 1.0 asks for that space (section 3.1), and half of a
// surrogate pair is no character (section 2.2).
var stricter = []string{"has no space before an attribute", "has a reference to what is no character"}

// compare wants the scanner to read body as encoding/xml does, or to refuse it.
func compare(t *testing.T, body []byte) (accepted bool) {
	if !isXMLText(body) {
		return false
	}
	got, err := tokens(body)
	want, peerErr := peerTokens(body)
	if err == nil {
		if strings.Contains(strings.Join(got, "\n"), ":") && peerErr != nil {
			return false // a name with several colons; the cursor refuses those with one, too
		}
		require.NoError(t, peerErr, "encoding/xml refuses what the scanner takes: %q", body)
		assert.Equal(t, want, got, "%q", body)
		return true
	}
	refusal, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	if refusal.Kind != Malformed || peerErr != nil {
		return false
	}
	for _, detail := range stricter {
		if strings.HasSuffix(refusal.Detail, detail) {
			return false
		}
	}
	t.Errorf("the scanner says of what encoding/xml takes that it %s: %q", refusal.Detail, body)
	return false
}

func TestScannerReadsAsEncodingXML(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body     string
		accepted bool
	}{
		"a document":                        {`<?xml version="1.0" encoding="UTF-8"?>` + "\n<a x='1' y=\"2\"><b/>\r\n<!-- c --><c >t</c\t></a>\n", true},
		"the five entities":                 {`<a v="&amp;&lt;&gt;&quot;&apos;">&amp;</a>`, true},
		"references by number":              {`<a v="&#65;&#x1F600;&#00000000000000000000000000010;"/>`, true},
		"space within a tag":                {"<a\n x\t= '1' \r/>", true},
		"a > in a value":                    {`<a v=">"/>`, true},
		"the other quote in a value":        {`<a v="'" w='"'/>`, true},
		"an empty value":                    {`<a v=""/>`, true},
		"names with all that they may have": {`<_aAzZ-09.b xml:lang="en"/>`, true},
		"letters beyond ASCII in texts":     {"<a v='é€😀'>é</a>", true},
		"an end without a beginning":        {`</a>`, true}, // the cursor's to refuse
		"an empty comment":                  {`<a><!----></a>`, true},
		"a comment with two hyphens":        {`<a><!-- -- --></a>`, false},
		"a comment that ends with three":    {`<a><!-- ---></a>`, false},
		"a comment that does not end":       {`<a><!-- </a>`, false},
		"a comment that is hardly one":      {`<a><!--></a>`, false},
		"markup that is none":               {`<a><!x></a>`, false},
		"a document type":                   {`<!DOCTYPE a><a/>`, false},
		"an internal subset":                {`<!DOCTYPE a [<!ENTITY o "x">]><a v="&o;"/>`, false},
		"CDATA":                             {`<a><![CDATA[x]]></a>`, false},
		"the end of CDATA":                  {`<a>]]></a>`, false},
		"a processing instruction":          {`<a><?x y?></a>`, false},
		"one before the root":               {`<?xml-stylesheet href="x"?><a/>`, false},
		"a declaration that comes late":     {` <?xml version="1.0"?><a/>`, false},
		"a declaration that comes twice":    {`<?xml version="1.0"?><?xml version="1.0"?><a/>`, false},
		"a declaration that does not end":   {`<?xml version="1.0">`, false},
		"another version":                   {`<?xml version="1.1"?><a/>`, false},
		"another encoding":                  {`<?xml version="1.0" encoding="UTF-16"?><a/>`, false},
		"a declaration without space":       {`<?xmlversion="1.0"?><a/>`, false},
		"references to white space":         {`<a v="&#9;&#10;&#13;&#32;&#x10FFFF;"/>`, true},
		"a number without its sign":         {`<a v="&141;"/>`, false},
		"a hex number without its sign":     {`<a v="&x41;"/>`, false},
		"an entity that is none of five":    {`<a v="&nbsp;"/>`, false},
		"an entity in capitals":             {`<a v="&AMP;"/>`, false},
		"an ampersand alone":                {`<a v="&"/>`, false},
		"an ampersand in a text":            {`<a>x & y</a>`, false},
		"a reference that does not end":     {`<a v="&amp"/>`, false},
		"a reference without digits":        {`<a v="&#;"/>`, false},
		"a reference without hex digits":    {`<a v="&#x;"/>`, false},
		"a reference with a sign":           {`<a v="&#+65;"/>`, false},
		"a reference with an underscore":    {`<a v="&#6_5;"/>`, false},
		"a reference in capitals":           {`<a v="&#X41;"/>`, false},
		"a reference to NUL":                {`<a v="&#0;"/>`, false},
		"a reference to a control":          {`<a v="&#x1F;"/>`, false},
		"a reference to a surrogate":        {`<a v="&#xD800;"/>`, false},
		"a reference to the last surrogate": {`<a v="&#xDFFF;"/>`, false},
		"a reference to U+FFFE":             {`<a v="&#xFFFE;"/>`, false},
		"a reference to U+FFFF":             {`<a v="&#xFFFF;"/>`, false},
		"a reference beyond Unicode":        {`<a v="&#x110000;"/>`, false},
		"a reference of too many digits":    {`<a v="&#` + strings.Repeat("0", 40) + `65;"/>`, false},
		"a < in a value":                    {`<a v="<"/>`, false},
		"a value without quotes":            {`<a v=1/>`, false},
		"a value that does not end":         {`<a v="1/>`, false},
		"an attribute without a value":      {`<a v/>`, false},
		"attributes without space":          {`<a v="1"w="2"/>`, false},
		"a slash in a tag":                  {`<a / v="1">`, false},
		"space before a name":               {`< a/>`, false},
		"a name that begins with a digit":   {`<1a/>`, false},
		"a name that begins with a hyphen":  {`<-a/>`, false},
		"an attribute that does":            {`<a 1="x"/>`, false},
		"a name beyond ASCII":               {`<é/>`, false},
		"a name that ends beyond ASCII":     {`<aé/>`, false},
		"an end tag with an attribute":      {`<a></a v="1">`, false},
		"an end tag without a name":         {`<a></>`, false},
		"a tag without a name":              {`<>`, false},
		"a tag cut short":                   {`<a><`, false},
		"a name cut short":                  {`<a`, false},
		"an end tag cut short":              {`<a></a`, false},
		"a slash cut short":                 {`<a/`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tokens([]byte(c.body))
			assert.Equal(t, c.accepted, err == nil, "%v", err)
			assert.Equal(t, c.accepted, compare(t, []byte(c.body)))
		})
	}
}

func TestAttributesAreBounded(t *testing.T) {
	t.Parallel()
	most := "<a" + strings.Repeat(` x="1"`, maxAttributes)
	_, err := tokens([]byte(most + "/>"))
	require.NoError(t, err)
	_, err = tokens([]byte(most + ` x="1"/>`))
	assert.ErrorContains(t, err, "too many attributes")
}

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`<?xml version="1.0"?><a x="1" y='&amp;'><!-- c --><b/>t&#x41;</a>`, `<a v="1"w="2"/>`, `<a:b xml:lang="en"></a:b>`,
		`<!DOCTYPE a><a/>`, `<a><![CDATA[x]]></a>`, "<a>\r\n]]&gt;</a >", `<DocumentReference xmlns="http://hl7.org/fhir"><id value="x"/></DocumentReference>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { compare(t, body) })
}

// A large body is not to cost an allocation for each of its elements.
func TestReadingAllocatesNothingPerElement(t *testing.T) {
	many := strings.Repeat(`<coding><code value="x"/><display value="y &amp; z"/></coding>`, 1000)
	body := []byte(`<DocumentReference xmlns="http://hl7.org/fhir"><type>` + many + `</type></DocumentReference>`)
	allocations := testing.AllocsPerRun(5, func() {
		_, err := Reader{}.DocumentReference("application/fhir+xml", body)
		require.NoError(t, err)
	})
	assert.Less(t, allocations, 100.0)
}
