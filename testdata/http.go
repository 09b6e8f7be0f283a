// SPDX-License-Identifier: Apache-2.0

package testdata

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// EnteredInError is the body of the NRL's one update, in FHIR's JSON.
const EnteredInError = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},` +
	`{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueString":"entered-in-error"}]}]}`

// NewRequest returns the request as a server gets it, with a body. An answer is asked for
// in JSON, unless the case asks for another format.
func (r *Request) NewRequest(body string) (*http.Request, error) {
	target, err := url.ParseRequestURI(r.Target)
	if err != nil {
		return nil, err
	}
	request := &http.Request{Method: r.Method, URL: target, RequestURI: r.Target, Host: "nrl.corpus.nhs.uk",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}
	if body != "" {
		request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	if r.Protocol != "" {
		var ok bool
		request.Proto = r.Protocol
		if request.ProtoMajor, request.ProtoMinor, ok = http.ParseHTTPVersion(r.Protocol); !ok {
			return nil, fmt.Errorf("%q is no version of HTTP", r.Protocol)
		}
	}
	if len(r.Trailers) > 0 {
		request.ContentLength, request.Trailer = -1, http.Header{}
		if request.ProtoMajor == 1 {
			request.TransferEncoding = []string{"chunked"}
		}
		end := &trailed{strings.NewReader(body), request.Trailer, http.Header{}}
		for _, h := range r.Trailers {
			request.Trailer[http.CanonicalHeaderKey(h[0])] = nil // it is announced
			end.values.Add(h[0], h[1])
		}
		request.Body = end
	}
	for _, h := range r.Headers {
		request.Header.Add(h[0], h[1])
	}
	if request.Header["Accept"] == nil {
		request.Header.Set("Accept", "application/fhir+json")
	}
	return request, nil
}

// A trailed body is followed by trailers, which net/http fills in where it ends.
type trailed struct {
	body            io.Reader
	trailer, values http.Header
}

// Read implements [io.Reader].
func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	if err == io.EOF {
		maps.Copy(t.trailer, t.values)
	}
	return n, err
}

// Close implements [io.Closer].
func (*trailed) Close() error { return nil }

// An outcome is what the table says of an OperationOutcome.
type outcome struct {
	issue, code, display string
}

// Answered returns an error that says how an answer differs from what the case
// says: its status and, of a refusal, issue, code and display.
func (r *Request) Answered(status int, body []byte) error {
	if r.Status == 0 {
		if status < 200 || status > 299 {
			return fmt.Errorf("was refused with %d: %.300s", status, body)
		}
		return nil
	}
	if status != r.Status {
		return fmt.Errorf("was answered with %d in place of %d: %.300s", status, r.Status, body)
	}
	found, err := readOutcome(body)
	if err != nil {
		return fmt.Errorf("was answered with no OperationOutcome: %w: %.300s", err, body)
	}
	if want := (outcome{r.Issue, r.Code, r.Display}); found != want {
		return fmt.Errorf("was answered with %q in place of %q", found, want)
	}
	return nil
}

func readOutcome(body []byte) (outcome, error) {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		type value struct {
			Value string `xml:"value,attr"`
		}
		var o struct {
			XMLName xml.Name `xml:"http://hl7.org/fhir OperationOutcome"`
			Issue   struct {
				Code   value `xml:"code"`
				Coding struct {
					Code    value `xml:"code"`
					Display value `xml:"display"`
				} `xml:"details>coding"`
			} `xml:"issue"`
		}
		err := xml.Unmarshal(body, &o)
		return outcome{o.Issue.Code.Value, o.Issue.Coding.Code.Value, o.Issue.Coding.Display.Value}, err
	}
	var o struct {
		ResourceType string
		Issue        []struct {
			Code    string
			Details struct {
				Coding []struct{ Code, Display string }
			}
		}
	}
	if err := json.Unmarshal(body, &o); err != nil {
		return outcome{}, err
	}
	if o.ResourceType != "OperationOutcome" || len(o.Issue) != 1 || len(o.Issue[0].Details.Coding) != 1 {
		return outcome{}, fmt.Errorf("not one issue with one coding")
	}
	coding := o.Issue[0].Details.Coding[0]
	return outcome{o.Issue[0].Code, coding.Code, coding.Display}, nil
}
