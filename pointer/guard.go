// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A Guard lets a system change only its own pointers. The zero Guard refuses
// every change. Its fields are not to be changed once it is in use; its methods
// are safe for concurrent use.
type Guard struct {
	// Resolver finds the stored pointers; required.
	Resolver Resolver

	// MaxBytes bounds a request's body, in bytes; zero or less: 1 MiB.
	MaxBytes int64

	// BundlePath is the path, such as /STU3, to which a Bundle of type
	// transaction or batch may be posted. All its entries must pass, at most 100
	// of them, each a POST of a DocumentReference or a DELETE of one, and no two
	// of the same. Empty: Bundles are refused, as by the NRL.
	BundlePath string

	// RelativeReferences takes Organization/[ODS code] for a custodian too. The
	// NRL takes the absolute URL only.
	RelativeReferences bool

	// Disclose answers an update, a delete or a supersede of another
	// organisation's pointer by saying so, as the NRL does, in place of saying
	// that there is no such pointer. A stranger can then find out which pointers
	// exist. A handler that refuses a masterIdentifier which the patient has already,
	// as nrl.Store does, tells it of that one whatever Disclose says.
	Disclose bool

	// ErrorHandler answers refused requests; nil: WriteError.
	ErrorHandler func(http.ResponseWriter, *http.Request, error)

	// Logger gets one record for each decision, without patients and identifiers;
	// nil: none.
	Logger *slog.Logger
}

// Authorize resolves what c concerns and applies [Owns] to each pointer; no
// HTTP. The order is: the interaction that the caller's system needs, the
// custodian of what is new, whether the stored pointer is there, its custodian,
// and then what only its owner may learn: its patient, identifier and status.
//
// The errors are [*OwnerError], [*TargetError], [*SupersedeError],
// [*ResourceError], [*ResolverError], and asid's InteractionError and
// ConfigError.
func (g *Guard) Authorize(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	d, err := g.judge(ctx, caller, c)
	g.record(ctx, caller, c, d, err)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (g *Guard) judge(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	if g.Resolver == nil {
		return nil, &asid.ConfigError{Field: "Guard.Resolver", Detail: "is missing"}
	}
	if caller == nil || caller.System == nil {
		return nil, &asid.ConfigError{Field: "Guard", Detail: "knows no caller: asid's Middleware goes outside it"}
	}
	if c.Action == Bundle {
		return g.judgeEntries(ctx, caller, c)
	}
	// What asid has authorised is the interaction of the request; the entries of
	// a Bundle have others.
	if need := c.Action.interaction(); need == "" || !caller.System.Assured(need) {
		return nil, &asid.RequestError{Rule: asid.RuleInteraction, ASID: caller.System.ASID, Interaction: need, Err: asid.ErrNotAssociated}
	}
	switch c.Action {
	case Create:
		return g.judgeCreate(caller, c)
	case Supersede:
		return g.judgeSupersede(ctx, caller, c)
	default:
		return g.judgeTarget(ctx, caller, c)
	}
}

func (g *Guard) judgeCreate(caller *asid.Caller, c Change) (*Decision, error) {
	if err := ownsNew(caller, c); err != nil {
		return nil, err
	}
	if len(c.New.RelatesTo) > 0 {
		return nil, &SupersedeError{Detail: "is there, but what was asked for is a create"}
	}
	c.New = unnamed(c.New)
	return &Decision{Change: c}, nil
}

// judgeTarget judges an update or a delete. Only a current pointer can be
// updated; one can be deleted whatever its status.
func (g *Guard) judgeTarget(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	stored, err := g.resolve(ctx, c.Target)
	if err != nil {
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrAmbiguous) {
			return nil, &TargetError{Target: c.Target, Err: err}
		}
		return nil, err
	}
	if err := Owns(caller, stored); err != nil {
		owner := &OwnerError{ASID: caller.System.ASID, Action: c.Action}
		if g.Disclose {
			return nil, owner
		}
		return nil, &TargetError{Target: c.Target, Err: owner}
	}
	if c.Action == Update && stored.Status != statusCurrent {
		return nil, &TargetError{Target: c.Target, Err: ErrNotCurrent}
	}
	return &Decision{Change: c, Stored: stored}, nil
}

// judgeEntries judges the entries of a Bundle, in order. Two that concern the
// same pointer would make one of the decisions stale before it is used.
func (g *Guard) judgeEntries(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	d := &Decision{Change: c}
	d.Change.Entries = nil // as they were let pass, below
	if len(c.Entries) == 0 || len(c.Entries) > maxEntries {
		return nil, &ResourceError{Element: "entry", Detail: "is not there, or more than 100 times"}
	}
	judged := make(map[string]bool)
	created := make(map[Query]bool)
	for _, entry := range c.Entries {
		if entry.Action == Bundle {
			return nil, &ResourceError{Element: "entry", Detail: "is a Bundle itself"}
		}
		e, err := g.judge(ctx, caller, entry)
		if err != nil {
			return nil, err
		}
		if e.Stored != nil {
			if judged[e.Stored.ID] {
				return nil, &ResourceError{Element: "entry", Detail: "concerns the same pointer as another one"}
			}
			judged[e.Stored.ID] = true
		}
		if p := e.Change.New; p != nil && !p.MasterIdentifier.IsZero() {
			q := Query{Subject: p.Subject, Identifier: p.MasterIdentifier}
			if created[q] {
				return nil, &ResourceError{Element: "entry", Detail: "has the same masterIdentifier as another one"}
			}
			created[q] = true
		}
		d.Change.Entries = append(d.Change.Entries, e.Change)
		d.Entries = append(d.Entries, e)
	}
	return d, nil
}

// ownsNew applies Owns to the pointer in the body.
func ownsNew(caller *asid.Caller, c Change) error {
	if c.New == nil {
		return &ResourceError{Element: documentReference, Detail: "is missing"}
	}
	if err := Owns(caller, c.New); err != nil {
		return &OwnerError{ASID: caller.System.ASID, Custodian: c.New.Custodian, Action: c.Action}
	}
	return nil
}

// unnamed returns p without what only the server assigns.
func unnamed(p *Pointer) *Pointer {
	q := *p
	q.ID, q.Version = "", ""
	return &q
}

// resolve asks the Resolver and checks that its answer is what was asked for.
func (g *Guard) resolve(ctx context.Context, q Query) (*Pointer, error) {
	p, err := g.Resolver.Resolve(ctx, q)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, ErrNotFound
	case errors.Is(err, ErrAmbiguous):
		return nil, ErrAmbiguous
	case err != nil:
		return nil, &ResolverError{Detail: "the look-up failed", Err: err}
	case p == nil:
		return nil, &ResolverError{Detail: "the look-up gave neither a pointer nor an error"}
	case !q.Matches(p) || p.ID == "":
		return nil, &ResolverError{Detail: "the look-up gave another pointer than asked for"}
	default:
		return p, nil
	}
}
