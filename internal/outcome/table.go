// SPDX-License-Identifier: Apache-2.0

package outcome

import "net/http"

// A Case is a row of the NRL's error table; it is an Outcome that lacks its
// diagnostics.
type Case int

// The rows of the error table.
const (
	InvalidHeader      Case = iota + 1 // an ASID or interaction header is missing or invalid
	InvalidToken                       // Authorization is missing or malformed
	ASIDCheckFailed                    // the ASID is unknown or lacks the interaction
	AccessDenied                       // the client certificate does not belong to the ASID
	AccessDeniedSSL                    // TLS version or cipher suite outside the guidance
	WrongCustodian                     // the custodian is not an organisation of the caller's
	WrongRelatesTo                     // relatesTo does not lead to a pointer that may be superseded
	NoRecordFound                      // no pointer of that identifier
	NotCurrent                         // the pointer is not current
	BadRequest                         // the request amounts to no interaction
	InvalidMessage                     // the body is not well formed
	UnsupportedType                    // the body's media type is not one of FHIR's
	Duplicate                          // the patient has a pointer of that masterIdentifier
	PreconditionFailed                 // If-Match names another version
	Conflict                           // the pointer has changed since it was judged
	InternalError                      // the fault is the server's own
	BadGateway                         // the fault is that of a server behind
	Unavailable                        // another server of ours cannot be asked
)

// With returns the outcome of the case with the diagnostics given.
func (c Case) With(diagnostics string) Outcome {
	o := c.row()
	o.Diagnostics = diagnostics
	return o
}

// InvalidResource returns the outcome of a body that is well formed but has an
// element that is not taken.
func InvalidResource(element, diagnostics string) Outcome {
	o := WrongCustodian.With(diagnostics)
	o.Display = "Resource is invalid : " + printable(element)
	return o
}

func (c Case) row() Outcome {
	const (
		header  = "There is a required header missing or invalid"
		request = "Bad request"
	)
	switch c {
	case InvalidHeader:
		return Outcome{Status: http.StatusBadRequest, Issue: "invalid", Code: "MISSING_OR_INVALID_HEADER", Display: header}
	case InvalidToken:
		return Outcome{Status: http.StatusBadRequest, Issue: "structure", Code: "MISSING_OR_INVALID_HEADER", Display: header}
	case ASIDCheckFailed:
		return Outcome{Status: http.StatusForbidden, Issue: "forbidden", Code: "ASID_CHECK_FAILED",
			Display: "The sender or receiver's ASID is not authorised for this interaction"}
	case AccessDenied:
		return Outcome{Status: http.StatusForbidden, Issue: "forbidden", Code: "ACCESS_DENIED",
			Display: "Access has been denied to process this request"}
	case AccessDeniedSSL:
		return Outcome{Status: http.StatusForbidden, Issue: "forbidden", Code: "ACCESS_DENIED_SSL",
			Display: "SSL Protocol or Cipher requirements not met"}
	case WrongCustodian:
		return Outcome{Status: http.StatusBadRequest, Issue: "invalid", Code: "INVALID_RESOURCE", Display: "Resource is invalid : custodian"}
	case WrongRelatesTo:
		return Outcome{Status: http.StatusBadRequest, Issue: "invalid", Code: "INVALID_RESOURCE", Display: "Resource is invalid : relatesTo"}
	case NoRecordFound:
		return Outcome{Status: http.StatusNotFound, Issue: "not-found", Code: "NO_RECORD_FOUND", Display: "No record found"}
	case NotCurrent, BadRequest:
		return Outcome{Status: http.StatusBadRequest, Issue: "invalid", Code: "BAD_REQUEST", Display: request}
	case InvalidMessage:
		return Outcome{Status: http.StatusBadRequest, Issue: "value", Code: "INVALID_REQUEST_MESSAGE", Display: "Invalid Request Message"}
	case UnsupportedType:
		return Outcome{Status: http.StatusUnsupportedMediaType, Issue: "invalid", Code: "UNSUPPORTED_MEDIA_TYPE", Display: "Unsupported Media Type"}
	case Duplicate:
		return Outcome{Status: http.StatusBadRequest, Issue: "duplicate", Code: "DUPLICATE_REJECTED",
			Display: "Create would lead to creation of a duplicate resource"}
	case PreconditionFailed:
		return Outcome{Status: http.StatusPreconditionFailed, Issue: "conflict", Code: "BAD_REQUEST", Display: request}
	case Conflict:
		return Outcome{Status: http.StatusConflict, Issue: "conflict", Code: "BAD_REQUEST", Display: request}
	case BadGateway:
		o := InternalError.row()
		o.Status = http.StatusBadGateway
		return o
	case Unavailable:
		o := InternalError.row()
		o.Status, o.Issue = http.StatusServiceUnavailable, "transient"
		return o
	default:
		return Outcome{Status: http.StatusInternalServerError, Issue: "exception", Code: "INTERNAL_SERVER_ERROR",
			Display: "Unexpected internal server error"}
	}
}
