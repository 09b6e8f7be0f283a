package tlsconfig

import (
	"crypto/tls"
	"errors"
)

// An AuditError is one departure of a config from the guidance.
type AuditError struct {
	Field  string // of tls.Config
	Clause string // of the guidance
	Detail string // what was found
}

// Error names the field, what was found and the clause.
func (e *AuditError) Error() string {
	return "tls.Config." + e.Field + ": " + e.Detail + " (guidance: " + e.Clause + ")"
}

// Audit compares what can be seen of cfg with the guidance.
func Audit(cfg *tls.Config) error { return errors.New("not yet") }
