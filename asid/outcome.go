// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/audit"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// WriteError answers r with err as an OperationOutcome, JSON or XML as r asks
// for: the parameter _format beats Accept, and XML is the default. The status and
// code are those of the table at [Rule]. A [*RegistryError] becomes a 503, with a
// Retry-After if the registry's error has the method RetryAfter() time.Duration;
// a [*ConfigError] and errors of other packages a 500. These two say nothing
// about what happened. Behind an Authorizer or a Gate the record of the request has
// the rule and, of errors of this package, the text.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	note(r, err)
	row, told := classify(err)
	diagnostics := ""
	if told != nil {
		diagnostics = told.Error()
	}
	if row == outcome.Unavailable {
		if e, ok := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](err); ok && e.RetryAfter() > 0 {
			seconds := (e.RetryAfter() + time.Second - 1) / time.Second
			w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
		}
	}
	outcome.Write(w, r, row.With(diagnostics))
}

// note has the record of the request say why a handler behind an Authorizer or a Gate
// refused it. What errors of other packages say may be of patients, and is left out.
func note(r *http.Request, err error) {
	shared := audit.FromContext(r.Context())
	if shared == nil {
		return
	}
	text := ""
	if own := outermost(err); own != nil {
		text = errorText(own)
	}
	shared.Refuse(ruleOf(err), text)
}

// classify returns the row of the error table for err, and the error in it that
// may be told the sender; nil if the fault is not the sender's.
func classify(err error) (outcome.Case, error) {
	var e *RequestError
	switch of := outermost(err).(type) {
	case *RegistryError:
		return outcome.Unavailable, nil
	case *RequestError:
		e = of
	default:
		return outcome.InternalError, nil
	}
	switch e.Rule {
	case RulePeer:
		if rule := peerRule(e.Err); rule == "version" || rule == "suite" {
			return outcome.AccessDeniedSSL, e
		}
		return outcome.AccessDenied, e
	case RuleBinding:
		return outcome.AccessDenied, e
	case RuleHeader:
		return outcome.InvalidHeader, e
	case RuleToken:
		return outcome.InvalidToken, e
	case RuleASID, RuleInteraction:
		return outcome.ASIDCheckFailed, e
	case RuleRequest, "":
		if e.Err == errForm {
			return outcome.UnsupportedType, e
		}
		return outcome.BadRequest, e
	}
	return outcome.InternalError, nil
}

// ruleOf returns the word of the table at [Rule] for err.
func ruleOf(err error) string {
	switch e := outermost(err).(type) {
	case *RegistryError:
		return "registry"
	case *ConfigError:
		return "config"
	case *RequestError:
		switch e.Rule {
		case RulePeer:
			if word := peerRule(e.Err); word != "" {
				return word
			}
		case "":
			return string(RuleRequest)
		}
		return string(e.Rule)
	}
	return "internal"
}
