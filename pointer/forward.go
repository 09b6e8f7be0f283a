// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
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
// times in all; a change whose outcome is not known is not repeated.
//
// The zero Forward refuses everything. Its fields are not to be changed once it
// is in use; it is safe for concurrent use.
type Forward struct {
	// Client sends the requests; required. The server's credential, if it wants one,
	// is its Transport's to add. Redirects are not followed.
	Client *http.Client

	// Backend is the server's URL before DocumentReference; required. It is the Base
	// of the guard's FHIR.
	Backend *url.URL

	// Base is the URL before DocumentReference by which clients know this server;
	// required. The server's own URLs in its answers become this one.
	Base *url.URL

	// IfMatch says on which methods the server compares If-Match with the version
	// that it has. Try it: several servers do DELETE and PATCH whatever it says.
	// A change by another method is refused.
	IfMatch Conditions

	// AllowUnconditional lets changes be made by methods that IfMatch does not name.
	// Then a change may be made to a later version than was judged. Who sets it
	// asserts that the server never changes a pointer's custodian and never gives
	// an id to another pointer, so that it is still the owner's.
	AllowUnconditional bool

	// Update is the form in which the server takes an update; zero: updates are
	// refused.
	Update UpdateForm

	// Supersede is how the server supersedes; zero: it does not.
	Supersede SupersedeForm

	// Search are the parameters that a search may have; nil: those of the NRL and
	// of its successor. Parameters that reach beyond pointers, such as _include,
	// _revinclude and _has, are not among them.
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
	// Who names it asserts what AllowUnconditional does, and that the server supersedes
	// the pointer whose id relatesTo.target has, and no other one.
	SupersedeByStore SupersedeForm = iota + 1
	// SupersedeTransaction is one transaction Bundle of both.
	SupersedeTransaction
)

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

// ServeHTTP answers a read or a search, or makes the change that a [Guard] has
// decided on. A change without a decision is refused with 500.
func (f *Forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.warned.Do(f.warn)
	err := f.Validate()
	if err == nil {
		if override := fhirpath.Override(r); override != "" {
			err = requestError(0, override)
		}
	}
	var a *storeAnswer
	switch {
	case err != nil:
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		a, err = f.find(r)
	default:
		a, err = f.change(r)
	}
	if err != nil {
		f.fail(w, r, err)
		return
	}
	f.relay(w, r, a)
}

// warn makes a record of each word that loosens what is checked.
func (f *Forward) warn() {
	if f.Logger == nil {
		return
	}
	if f.AllowUnconditional {
		f.Logger.Warn("changes are made to later versions than were judged: AllowUnconditional is in use")
	}
	if f.Supersede == SupersedeByStore {
		f.Logger.Warn("pointers are superseded in later versions than were judged: SupersedeByStore is in use")
	}
}

func (f *Forward) fail(w http.ResponseWriter, r *http.Request, err error) {
	if f.Logger != nil {
		f.Logger.LogAttrs(r.Context(), slog.LevelWarn, "request not answered by the store",
			slog.String("method", r.Method), slog.String("rule", ruleOf(err)), slog.String("error", ascii.Cut(err.Error(), maxError)))
	}
	if f.ErrorHandler != nil {
		f.ErrorHandler(w, r, err)
		return
	}
	WriteError(w, r, err)
}

// find asks for one pointer, or for those that a search finds.
func (f *Forward) find(r *http.Request) (*storeAnswer, error) {
	if !outcome.Acceptable(r) {
		return nil, &ChangeError{Rule: RuleMediaType, Detail: "of the answer is none that is served"}
	}
	at, ok := fhirpath.Parse(r.URL)
	if !ok || !at.Typed {
		return nil, requestError(0, "has a path that is not that of a DocumentReference")
	}
	allowed := f.Search
	if allowed == nil {
		allowed = defaultSearch()
	}
	if at.ID != "" {
		allowed = []string{"_format"}
	}
	query := r.URL.Query() // Override has refused what cannot be parsed
	for name := range query {
		if !slices.Contains(allowed, name) {
			return nil, requestError(0, "has a parameter that the interaction has not")
		}
	}
	u := f.Backend.JoinPath(fhirpath.DocumentReference, at.ID)
	u.RawQuery = query.Encode()
	out, err := f.request(r, r.Method, u, "", nil)
	if err != nil {
		return nil, err
	}
	if match := r.Header["If-None-Match"]; len(match) == 1 && harmless(match[0]) {
		out.Header.Set("If-None-Match", match[0])
	}
	a, err := f.send(out)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotAcceptable {
		return nil, &ChangeError{Rule: RuleMediaType, Detail: "of the answer is none that the store serves"}
	}
	return a, a.refusal(0, Query{ID: at.ID})
}
