// SPDX-License-Identifier: Apache-2.0

package fhir_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

func TestAPartOfAResourceSaysSo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType, meta string
		part              bool
	}{
		{inJSON, `"meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`, true},
		{inJSON, `"meta":{"versionId":"1","tag":[{"code":"x"},{"code":"SUBSETTED"}]}`, true},
		{inJSON, `"meta":{"tag":[{"code":"\u0053UBSETTED"}]}`, true},
		{inJSON, `"meta":{"tag":[{"code":"SUBSETTED"},{"code":1}]}`, true},
		{inJSON, `"meta":{"tag":{"code":"x"}}`, true},           // of which nothing can be told
		{inJSON, `"meta":{"tag":[{"Code":"SUBSETTED"}]}`, true}, // as encoding/json reads it
		{inJSON, `"meta":{"tag":[{"code":"x","CODE":"SUBSETTED"}]}`, true},
		{inJSON, `"meta":{"tag":[{"code":"x"}]}`, false},
		{inJSON, `"meta":{"tag":[{"code":"x","_code":{"id":"SUBSETTED"}}]}`, false}, // FHIR's own name
		{inJSON, `"meta":{"tag":[]}`, false},
		{inJSON, `"meta":{"tag":[{"system":"code","display":"SUBSETTED"},{"code":"x","extension":[{"url":"u","valueCode":"SUBSETTED"}]}]}`, false},
		{inJSON, `"meta":{"security":[{"code":"SUBSETTED"}],"tag":[{"display":"code"}]}`, false},
		{inJSON, `"meta":{"tag":["code","x"]}`, true},
		{inJSON, `"meta":{"tag":[{"cod\u0065":"SUBSETTED"}]}`, true},
		{inJSON, `"meta":{"profile":["urn:SUBSETTED"]}`, false},
		{inJSON, `"description":"tag SUBSETTED"`, false},
		{inXML, `<meta><tag><code value="x"/></tag><tag><code value="SUBSETTED"/></tag></meta>`, true},
		{inXML, `<meta><tag><code value="SUBSE&#x54;TED"/></tag></meta>`, true},
		{inXML, `<meta><tag><code value="SUBSETTED"/><code value="x"/></tag></meta>`, true}, // of which a reader takes the first
		{inXML, `<meta><tag><code value="x"/><code value="SUBSETTED"/></tag></meta>`, true},
		{inXML, `<meta><tag><code value="x"/></tag></meta>`, false},
		{inXML, `<meta><profile value="tag"/><security><code value="SUBSETTED"/></security></meta>`, false},
		{inXML, `<meta><tag id="a"><code value="x"><extension url="u"><valueCode value="SUBSETTED"/></extension></code></tag></meta>`, false},
		{inXML, `<meta>  <!-- x --><tag><system value="u"/><code id="b" value='SUBSETTED'></code></tag></meta>`, true},
		{inXML, `<meta><profile value="urn:tag:SUBSETTED"/></meta>`, false},
	} {
		body := `{"resourceType":"DocumentReference",` + c.meta + `}`
		if c.contentType == inXML {
			body = `<DocumentReference xmlns="http://hl7.org/fhir">` + c.meta + `</DocumentReference>`
		}
		p, err := fhir.Reader{Stored: true}.DocumentReference(c.contentType, []byte(body))
		require.NoError(t, err, "what is stored is read")
		assert.Equal(t, c.part, p.IsPart(c.contentType, []byte(body)), body)
		kind, element := kindOf(t, fhir.Reader{}, c.contentType, body)
		if c.part {
			assert.Equal(t, fhir.Refused, kind, body)
			assert.Equal(t, "meta.tag", element)
		} else {
			assert.Zero(t, kind, body)
		}
	}
}

// What is sent has no such names; what a server answers may have any.
func TestAStoredPartSaysSoInWhateverSpelling(t *testing.T) {
	t.Parallel()
	for meta, part := range map[string]bool{
		`{"Tag":[{"code":"SUBSETTED"}]}`:                      true,
		`{"t\u0061g":[{"code":"SUBSETTED"}]}`:                 true,
		`{"tag":[{"code":"x"}],"TAG":[{"code":"SUBSETTED"}]}`: true,
		`{"Tag":[{"code":"x"}]}`:                              false,
		`{"note":"\u0061","source":"SUBSETTED"}`:              false,
	} {
		body := []byte(`{"resourceType":"DocumentReference","meta":` + meta + `}`)
		p, err := fhir.Reader{Stored: true}.DocumentReference(inJSON, body)
		require.NoError(t, err, meta)
		assert.Equal(t, part, p.IsPart(inJSON, body), meta)
	}
}
