// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"log/slog"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// A Guard lets a system change only its own pointers. The zero Guard refuses
// every change. Its fields are not to be changed once it is in use; its methods
// are safe for concurrent use.
type Guard struct {
	// Resolver finds the stored pointers, of one store; required. The path before
	// DocumentReference plays no part in what is looked up: a server with a store for
	// each version of FHIR has a guard for each, or a client would have a pointer of one
	// judged and that of the same id in the other changed.
	Resolver Resolver

	// MaxBytes bounds a request's body, in bytes; zero or less: 1 MiB.
	MaxBytes int64

	// RelativeReferences takes Organization/[ODS code] for a custodian too. The
	// NRL takes the absolute URL only.
	RelativeReferences bool

	// TargetIsID reads relatesTo as the R4 successor of the NRL does: the value of
	// target.identifier, without a system or with that of ODS codes, is the logical
	// id of the old pointer. A store that reads it so must be behind a guard that
	// does, and no other.
	TargetIsID bool

	// Disclose answers an update, a delete or a supersede of another
	// organisation's pointer by saying so, as the NRL does, in place of saying
	// that there is no such pointer. A caller can then find out which pointers
	// exist. A create of a masterIdentifier that the patient has already is refused
	// as a duplicate whatever Disclose says.
	Disclose bool

	// ErrorHandler answers refused requests; nil: WriteError.
	ErrorHandler func(http.ResponseWriter, *http.Request, error)

	// Logger gets one record for each decision, without patients and identifiers;
	// nil: none.
	Logger *slog.Logger
}

// Validate returns an [*asid.ConfigError] if the guard lacks what it cannot do
// without.
func (g *Guard) Validate() error {
	if g.Resolver == nil {
		return &asid.ConfigError{Field: "Guard.Resolver", Detail: "is missing"}
	}
	return nil
}

func (g *Guard) reader() fhir.Reader {
	return fhir.Reader{Relative: g.RelativeReferences, TargetIsID: g.TargetIsID}
}
