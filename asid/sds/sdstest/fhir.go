// SPDX-License-Identifier: Apache-2.0

package sdstest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// A Fault is how the FHIR service fails.
type Fault int

// The faults. Zero is none.
const (
	// Empty answers 200 with an empty Bundle, as when the directory behind the
	// service is slow or out of reach.
	Empty Fault = iota + 1
	// Part answers with the first half of the records, and a total that fits.
	Part
	// OtherRequest answers with the X-Correlation-Id of another caller, as out of a
	// cache.
	OtherRequest
	// Failing answers 500, with the gateway's OperationOutcome.
	Failing
	// Unavailable answers 503, with the service's OperationOutcome.
	Unavailable
	// Hanging does not answer until the caller leaves.
	Hanging
	// TooMany answers 429 without Retry-After.
	TooMany
	// TooManyFor answers 429 with a Retry-After of 2 s.
	TooManyFor
	// Joined answers in the shape of before January 2021: the interactions of a
	// system are one identifier, joined by commas. It is no failure.
	Joined
	// Cut ends the connection in the middle of the answer.
	Cut
)

// A FHIR is the FHIR service of the directory, as an [http.Handler] for a test
// server of net/http/httptest. As behind the service's gateway, an answer with 200 is
// given again for 30 minutes, in spite of faults and changes of the directory, to each
// request for the same that has not exactly Cache-Control: no-cache. Set its fields
// before it serves; its methods are safe for concurrent use.
type FHIR struct {
	APIKey string // empty: any that is sent

	mu        sync.Mutex
	directory Directory
	fault     Fault
	broken    string // a record whose ASID is this answers 500
	requests  []*url.URL

	cache gatewayCache
}

// SetDirectory replaces what it holds.
func (f *FHIR) SetDirectory(d Directory) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.directory = d
}

// Fail makes it fail from now on; zero: no more.
func (f *FHIR) Fail(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Break makes each question whose answer has the system of that ASID fail with 500;
// empty: none.
func (f *FHIR) Break(asid string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = asid
}

// Requests returns the URLs that were asked for.
func (f *FHIR) Requests() []*url.URL {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*url.URL(nil), f.requests...)
}

var uuid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// ServeHTTP implements [http.Handler].
func (f *FHIR) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.URL)
	fault, broken, directory := f.fault, f.broken, f.directory
	f.mu.Unlock()

	correlation := r.Header.Get("X-Correlation-Id")
	cached, stale := f.cache.find(r)
	switch {
	case fault == OtherRequest:
		correlation = newUUID()
	case stale:
		correlation = cached.correlation
	}
	if correlation != "" {
		w.Header().Set("X-Correlation-Id", correlation)
	}
	switch {
	case r.Header.Get("apikey") == "" || f.APIKey != "" && r.Header.Get("apikey") != f.APIKey:
		gateway(w, http.StatusUnauthorized, "ACCESS_DENIED")
		return
	case stale:
		w.Header().Set("Content-Type", "application/fhir+json")
		_, _ = w.Write(cached.text)
		return
	case fault == Failing:
		gateway(w, http.StatusInternalServerError, "UNKNOWN_ERROR")
		return
	case fault == TooMany || fault == TooManyFor:
		if fault == TooManyFor {
			w.Header().Set("Retry-After", "2")
		}
		gateway(w, http.StatusTooManyRequests, "THROTTLED")
		return
	case fault == Hanging:
		<-r.Context().Done()
		return
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case fault == Unavailable:
		service(w, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", correlation)
		return
	case correlation != "" && !uuid.MatchString(correlation):
		service(w, http.StatusBadRequest, "INVALID_CORRELATION_ID", "")
		return
	case !accepts(r.Header.Values("Accept")):
		service(w, http.StatusNotAcceptable, "NOT_ACCEPTABLE", correlation)
		return
	}
	kind := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	q, ok := readQuestion(kind, r.URL.Query())
	if !ok {
		service(w, http.StatusBadRequest, "INVALID_PARAMETER", correlation)
		return
	}
	var resources []any
	for _, record := range directory.answer(kind, q) {
		if record.as != nil && (broken != "" && record.as.ASID == broken || len(record.as.Clients) > 1 || len(record.as.MoreIDs) > 0) {
			service(w, http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", correlation)
			return
		}
		resources = append(resources, record.resources(fault == Joined)...)
	}
	switch fault {
	case Empty:
		resources = nil
	case Part:
		resources = resources[:len(resources)/2]
	}
	text, err := json.Marshal(bundle(r.URL, resources))
	if err != nil {
		gateway(w, http.StatusInternalServerError, "UNKNOWN_ERROR")
		return
	}
	f.cache.add(r, correlation, text)
	w.Header().Set("Content-Type", "application/fhir+json")
	if fault == Cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		text = text[:len(text)/2]
	}
	_, _ = w.Write(text) // the caller may have left
}

// accepts takes no Accept, and types without a parameter only.
func accepts(values []string) bool {
	for _, value := range values {
		switch strings.TrimSpace(value) {
		case "application/fhir+json", "application/json", "*/*":
		default:
			return false
		}
	}
	return true
}

// gateway answers with the OperationOutcome of the gateway: R4, without an id.
func gateway(w http.ResponseWriter, status int, code string) {
	outcome(w, status, "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode", code, "")
}

// service answers with the OperationOutcome of the service: STU3, its id the
// correlation id.
func service(w http.ResponseWriter, status int, code, id string) {
	outcome(w, status, "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1", code, id)
}

func outcome(w http.ResponseWriter, status int, system, code, id string) {
	issue := map[string]any{
		"severity": "error", "code": "processing",
		"details":     map[string]any{"coding": []any{map[string]any{"system": system, "code": code, "display": code}}},
		"diagnostics": "made up for a test",
	}
	o := map[string]any{"resourceType": "OperationOutcome", "issue": []any{issue}}
	if id != "" {
		o["id"] = id
	}
	var text bytes.Buffer
	_ = json.NewEncoder(&text).Encode(o) // maps of strings can always be written
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes())
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
