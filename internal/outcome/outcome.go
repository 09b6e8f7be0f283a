// SPDX-License-Identifier: Apache-2.0

// Package outcome answers a request with a FHIR OperationOutcome, in the format
// that the request asks for. It holds the error table of the NRL.
package outcome

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

const (
	// maxDiagnostics keeps an answer small whatever is wrong with the request.
	maxDiagnostics = 1000
)

// An Outcome is one answer; its severity is always error.
type Outcome struct {
	Status      int    // of HTTP
	Issue       string // issue.code, such as invalid
	Code        string // of the Spine's coding, such as MISSING_OR_INVALID_HEADER
	Display     string // of the Spine's coding
	Diagnostics string // which rule refused what, in one sentence; never another system's data
}

// Write answers r with o in JSON or XML, as r asks for; a HEAD request gets the
// header alone. No cache may keep the answer. Control characters and invalid
// UTF-8 in the diagnostics are replaced.
func Write(w http.ResponseWriter, r *http.Request, o Outcome) {
	o.Diagnostics = printable(o.Diagnostics)
	mediaType, body := negotiate(r), []byte(nil)
	if strings.Contains(mediaType, "json") {
		body = o.json()
	} else {
		body = o.xml()
	}
	h := w.Header()
	// What a handler may have set for the answer that it did not give.
	for _, name := range []string{"Content-Encoding", "Content-Range", "Etag", "Last-Modified", "Location"} {
		h.Del(name)
	}
	h.Set("Content-Type", mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(o.Status)
	if r.Method != http.MethodHead {
		// The client may have gone, and the error is then no use to it.
		_, _ = w.Write(body)
	}
}

func (o Outcome) json() []byte {
	type coding struct {
		System  string `json:"system"`
		Code    string `json:"code"`
		Display string `json:"display"`
	}
	type details struct {
		Coding [1]coding `json:"coding"`
	}
	type issue struct {
		Severity    string  `json:"severity"`
		Code        string  `json:"code"`
		Details     details `json:"details"`
		Diagnostics string  `json:"diagnostics,omitempty"`
	}
	type meta struct {
		Profile [1]string `json:"profile"`
	}
	body, err := json.Marshal(struct {
		ResourceType string   `json:"resourceType"`
		ID           string   `json:"id"`
		Meta         meta     `json:"meta"`
		Issue        [1]issue `json:"issue"`
	}{
		"OperationOutcome",
		spine.NewUUID(),
		meta{[1]string{spine.OutcomeProfile}},
		[1]issue{{"error", o.Issue, details{[1]coding{{spine.OutcomeCodeSystem, o.Code, o.Display}}}, o.Diagnostics}},
	})
	if err != nil {
		panic(err) // strings of valid UTF-8 can always be written
	}
	return body
}

func (o Outcome) xml() []byte {
	type value struct {
		Value string `xml:"value,attr"`
	}
	resource := struct {
		XMLName     xml.Name `xml:"http://hl7.org/fhir OperationOutcome"`
		ID          value    `xml:"id"`
		Profile     value    `xml:"meta>profile"`
		Severity    value    `xml:"issue>severity"`
		Issue       value    `xml:"issue>code"`
		System      value    `xml:"issue>details>coding>system"`
		Code        value    `xml:"issue>details>coding>code"`
		Display     value    `xml:"issue>details>coding>display"`
		Diagnostics *value   `xml:"issue>diagnostics"`
	}{
		ID:       value{spine.NewUUID()},
		Profile:  value{spine.OutcomeProfile},
		Severity: value{"error"},
		Issue:    value{o.Issue},
		System:   value{spine.OutcomeCodeSystem},
		Code:     value{o.Code},
		Display:  value{o.Display},
	}
	if o.Diagnostics != "" {
		resource.Diagnostics = &value{o.Diagnostics}
	}
	body, err := xml.Marshal(resource)
	if err != nil {
		panic(err) // as above
	}
	return append([]byte(xml.Header), body...)
}

// printable replaces what has no place in a sentence and cuts what is too long.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
	return ascii.Cut(s, maxDiagnostics)
}
