// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"log/slog"
	"net/http"
	"net/url"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A Forward is the handler behind a [Guard] that has a FHIR server make the
// changes. The two are an owner-guarded NRL in front of any such server:
//
//	guard := &pointer.Guard{Resolver: &pointer.FHIR{Client: client, Base: backend}}
//	forward := &pointer.Forward{Client: client, Backend: backend, Base: base,
//		IfMatch: pointer.Conditions{Delete: true, Put: true}, Update: pointer.UpdatePut}
//	handler := authorizer.Middleware(guard.Middleware(forward))
//
// What goes to the server is written from the [Decision]: method, URL, If-Match,
// and the few headers that are known to be harmless. The Spine's token and ASIDs
// stay here. An answer of 409 or 412 has the change judged anew, at most three
// times in all, as has a 404 to a change of a pointer that was there; a change whose
// outcome is not known is not repeated. A success other than the interaction's own is
// such an outcome: 201 is that of a create, 200 and 204 are those of an update, and 202
// besides those of a delete.
//
// The zero Forward refuses everything. Its fields are not to be changed once it
// is in use; it is safe for concurrent use.
type Forward struct {
	// Client sends the requests; required. The server's credential, if it wants one,
	// is its Transport's to add. Redirects are not followed.
	Client *http.Client

	// Backend is the server's URL before DocumentReference; required. It is the Base
	// of the guard's FHIR. A server that deletes nothing to which others refer, as HAPI by
	// default (enforce_referential_integrity_on_delete), lets any provider keep another's
	// pointer from being deleted, by a pointer whose context.related refers to it.
	Backend *url.URL

	// Base is the URL before DocumentReference by which clients know this server;
	// required. The server's own URLs in its answers become this one.
	Base *url.URL

	// IfMatch says on which methods the server compares If-Match with the version
	// that it has. Try it: several servers do DELETE and PATCH whatever it says.
	// A change by another method is refused.
	IfMatch Conditions

	// AllowUnconditional lets changes be made by methods that IfMatch does not name.
	// Then a change may be made to a later version than was judged. To set it
	// asserts that the server never changes a pointer's custodian and never gives
	// an id to another pointer, so that it is still the owner's.
	AllowUnconditional bool

	// Update is the form in which the server takes an update; zero: updates are
	// refused.
	Update UpdateForm

	// Supersede is how the server supersedes; zero: it does not.
	Supersede SupersedeForm

	// Search are the parameters that a search may have; nil: those of the NRL and
	// of its successor, and each search has to name one patient or pointer, by subject,
	// subject:identifier or _id. Parameters that reach beyond pointers, such as _include,
	// _revinclude and _has, are not among them. With a list of its own, a server that is
	// asked for no patient answers with the pointers of all.
	Search []string

	// RelativeReferences is to be as in the Guard.
	RelativeReferences bool

	// MaxBytes bounds the body of an answer, in bytes; zero or less: 8 MiB.
	MaxBytes int64

	ErrorHandler func(http.ResponseWriter, *http.Request, error) // nil: WriteError
	Logger       *slog.Logger                                    // one record for each change that the server did not make; nil: none

	warned sync.Once
}

// Conditions name the methods on which a server honours If-Match.
type Conditions struct{ Delete, Patch, Put, Transaction bool }

// An UpdateForm is how a server takes the one update that there is: the status
// becomes entered-in-error.
type UpdateForm int

// The forms of an update.
const (
	UpdateParameters UpdateForm = iota + 1 // PATCH with FHIRPath Patch, as the NRL
	UpdateJSONPatch                        // PATCH with JSON Patch (RFC 6902), which tests the version and the custodian
	UpdatePut                              // PUT of what is stored with another status
)

// A SupersedeForm is how a server supersedes a pointer. A supersede is two acts,
// and never two requests.
type SupersedeForm int

// The forms of a supersede.
const (
	// SupersedeByStore leaves both acts to the server, when it gets the new pointer, as
	// the NRL has it. Nothing makes them conditional on the version that was judged.
	// To name it asserts what AllowUnconditional does, and that the server supersedes
	// the pointer whose id relatesTo.target has, and no other one.
	SupersedeByStore SupersedeForm = iota + 1
	// SupersedeTransaction is one transaction Bundle of both.
	SupersedeTransaction
)

// defaultMaxAnswer is above what a Guard takes, and that with each bracket escaped in
// six bytes, as encoding/json does.
const defaultMaxAnswer = 8 << 20

func defaultSearch() []string {
	return []string{"_id", "subject", "subject:identifier", "custodian", "custodian:identifier", "type", "category", "identifier",
		"_summary", "_count", "_format"}
}

// Validate returns an [*asid.ConfigError] if the Forward lacks what it cannot do
// without.
func (f *Forward) Validate() error {
	fault := func(field, detail string) error { return &asid.ConfigError{Field: "Forward." + field, Detail: detail} }
	switch {
	case f.Client == nil:
		return fault("Client", "is missing")
	case f.Backend == nil || f.Backend.Host == "":
		return fault("Backend", "is missing, or is no absolute URL")
	case f.Base == nil || f.Base.Host == "":
		return fault("Base", "is missing, or is no absolute URL")
	case f.Update < 0 || f.Update > UpdatePut:
		return fault("Update", "is none of the forms of an update")
	case f.Supersede < 0 || f.Supersede > SupersedeTransaction:
		return fault("Supersede", "is none of the forms of a supersede")
	default:
		return nil
	}
}

func (f *Forward) fail(w http.ResponseWriter, r *http.Request, err error) {
	if f.Logger != nil {
		f.Logger.LogAttrs(r.Context(), slog.LevelWarn, "request not answered by the store",
			slog.String("method", r.Method), slog.String("rule", ruleOf(err)), slog.String("error", logText(err)))
	}
	if f.ErrorHandler != nil {
		f.ErrorHandler(w, r, err)
		return
	}
	WriteError(w, r, err)
}
