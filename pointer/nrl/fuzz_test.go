// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// Whatever is stored can be shown in both formats, and is still the same pointer.
func FuzzCreate(f *testing.F) {
	for _, format := range []string{"json", "xml"} {
		for _, version := range []string{"stu3", "r4"} {
			f.Add(format == "xml", example(f, "create-"+version+"."+format))
		}
	}
	// What primitives and the narrative may have.
	f.Add(false, strings.Replace(example(f, "create-r4.json"), `"status"`, `"_date":{"id":"x"},"_description":{"extension":[{"url":"u","_valueCode":{"extension":[{"url":"v","valueCode":"w"}]}}]},`+
		`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x &amp; y</p></div>"},"status"`, 1))
	f.Add(true, strings.Replace(example(f, "create-r4.xml"), "<status", `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>x</p></div></text>`+
		`<description id="d" value="x"><extension url="u"><valueCode value="w"/></extension></description><status`, 1))
	f.Fuzz(func(t *testing.T, isXML bool, body string) {
		format := "json"
		if isXML {
			format = "xml"
		}
		i := start(t)
		w := i.send(http.MethodPost, collection, format, body)
		if w.Code != http.StatusCreated {
			assert.GreaterOrEqual(t, w.Code, 400)
			assert.Less(t, w.Code, 500, w.Body.String())
			return
		}
		at := collection + "/" + idOf(w.Header().Get("Location"))
		var shown [2]*pointer.Pointer
		for n, asked := range []string{"json", "xml"} {
			w := i.send(http.MethodGet, at, asked, "")
			assert.Equal(t, http.StatusOK, w.Code)
			p, err := pointer.Parse("application/fhir+"+asked, w.Body.Bytes())
			if err != nil {
				t.Fatalf("the store's own %s cannot be read: %v\n%s", asked, err, w.Body)
			}
			shown[n] = p
		}
		assert.Equal(t, shown[0], shown[1])
		assert.NoError(t, pointer.Owns(i.caller, shown[0]))
	})
}
