// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// A Severity says what a finding means. Its zero value is none of them.
type Severity int

// The severities, from what is as it should be to what is not.
const (
	// Conformant: it was asked, and it is as the guidance says.
	Conformant Severity = iota + 1
	// NotAsked: what was given does not suffice to ask. It does not count
	// against the peer.
	NotAsked
	// Undecided: it was asked, and the answer does not tell. A report with one
	// of these and no departure is undecided as a whole.
	Undecided
	// Advice: not a requirement of the guidance, but worth a change.
	Advice
	// Departure: it is not as the guidance says.
	Departure
)

var severityNames = [...]string{
	Conformant: "conformant", NotAsked: "not asked", Undecided: "undecided", Advice: "advice", Departure: "departure",
}

// String returns the name, such as "departure".
func (s Severity) String() string {
	if s > 0 && int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText returns the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a name.
func (s *Severity) UnmarshalText(text []byte) error {
	if i := slices.Index(severityNames[1:], string(text)); i >= 0 {
		*s = Severity(i + 1)
		return nil
	}
	return fmt.Errorf("%q is no severity", text)
}

// A Finding is one thing that was asked.
type Finding struct {
	Clause   string   `json:"clause"`           // the section of the guidance
	Subject  string   `json:"subject"`          // what was asked, such as "TLS 1.0"
	Severity Severity `json:"severity"`         //
	Found    string   `json:"found"`            // what the peer did
	Remedy   string   `json:"remedy,omitempty"` // what to change; empty if nothing
}

// A Report is what was found out about one peer.
type Report struct {
	Address  string    `json:"address"`
	Role     string    `json:"role"` // "server" or "client"
	At       time.Time `json:"at"`
	Findings []Finding `json:"findings"`
}

// Verdict returns Departure if there is one, else Undecided if anything is, else
// Conformant. An empty report is undecided.
func (r *Report) Verdict() Severity {
	verdict := Conformant
	if len(r.Findings) == 0 {
		verdict = Undecided
	}
	for _, f := range r.Findings {
		switch f.Severity {
		case Departure:
			return Departure
		case Undecided:
			verdict = Undecided
		}
	}
	return verdict
}

// MarshalJSON adds the verdict.
func (r *Report) MarshalJSON() ([]byte, error) {
	type plain Report
	return json.Marshal(struct {
		*plain
		Verdict Severity `json:"verdict"`
	}{(*plain)(r), r.Verdict()})
}

// The sections of the guidance, as Audit names them.
const (
	clauseProtocol = "Secure Socket Layer (SSL) and Transport Layer Security (TLS) Protocols"
	clauseCiphers  = "Ciphers"
	clauseTLSMA    = "Client Certificates (TLSMA)"
)

// maxFound bounds the text of a finding, in bytes: the peer has a say in it.
const maxFound = 2 << 10

func (r *Report) add(clause, subject string, severity Severity, remedy, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{
		Clause: clause, Subject: subject, Severity: severity, Found: ascii.Cut(fmt.Sprintf(format, args...), maxFound), Remedy: remedy,
	})
}

// arrange puts the findings in the order of the guidance's sections.
func (r *Report) arrange() {
	sections := []string{clauseProtocol, clauseCiphers, clauseTLSMA}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return slices.Index(sections, a.Clause) - slices.Index(sections, b.Clause)
	})
}
