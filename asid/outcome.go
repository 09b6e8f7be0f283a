package asid

import (
	"errors"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// WriteError answers r with err as an OperationOutcome, JSON or XML as r asks
// for. Errors of other packages, and those that are the server's own fault,
// become a 500 that says nothing about them.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	outcome.Write(w, r, outcomeOf(err))
}

func outcomeOf(err error) outcome.Outcome {
	if header, ok := errors.AsType[*HeaderError](err); ok {
		if header.Header == authorization {
			return outcome.InvalidToken.With(header.Error())
		}
		return outcome.InvalidHeader.With(header.Error())
	}
	if token, ok := errors.AsType[*TokenError](err); ok {
		return outcome.InvalidToken.With(token.Error())
	}
	if connection, ok := errors.AsType[*ConnectionError](err); ok {
		return outcome.AccessDeniedSSL.With(connection.Error())
	}
	if request, ok := errors.AsType[*RequestError](err); ok {
		return outcome.BadRequest.With(request.Error())
	}
	if binding, ok := errors.AsType[*BindingError](err); ok {
		return outcome.AccessDenied.With(binding.Error())
	}
	if interaction, ok := errors.AsType[*InteractionError](err); ok {
		if errors.Is(interaction.Err, ErrMismatch) {
			return outcome.InvalidHeader.With(interaction.Error())
		}
		return outcome.ASIDCheckFailed.With(interaction.Error())
	}
	return outcome.InternalError.With("")
}
