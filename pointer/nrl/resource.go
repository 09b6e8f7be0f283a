// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"bytes"
	"encoding/xml"

	"github.com/go-json-experiment/json/jsontext"
)

// parseElement reads a resource that the guard has read before: it is well
// formed, and bounded in size and depth.
func parseElement(isXML bool, body []byte) (*element, error) {
	if isXML {
		return parseXML(body)
	}
	return parseJSON(jsontext.NewDecoder(bytes.NewReader(body)))
}

// render writes a resource.
func (e *element) render(isXML bool) ([]byte, error) {
	var b bytes.Buffer
	if isXML {
		b.WriteString(xml.Header)
		e.writeXML(&b, "", ` xmlns="http://hl7.org/fhir"`)
		return b.Bytes(), nil
	}
	enc := jsontext.NewEncoder(&b)
	if err := e.writeJSON(enc, true); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
