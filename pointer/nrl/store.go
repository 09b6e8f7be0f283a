// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A Store holds pointers in memory and serves them over HTTP. The zero Store is
// empty and ready. Its methods are safe for concurrent use; its fields are not to
// be changed once it is in use.
type Store struct {
	// MaxBytes bounds what is stored, in bytes of the resources; zero or less: 64
	// MiB. What does not fit is refused.
	MaxBytes int64

	// Base is the URL before DocumentReference in the answers; nil: https, the
	// request's Host and the path of the request before DocumentReference.
	Base *url.URL

	// Patients reports whether the Spine knows the NHS number; nil: it knows all. A
	// create and a search for another one are answered 404 NO_RECORD_FOUND.
	Patients func(nhsNumber string) bool

	// Organisations reports whether there is the organisation; nil: there are all. A
	// create with another custodian or author is answered 400 ORGANISATION_NOT_FOUND,
	// a search by another custodian 400 INVALID_PARAMETER.
	Organisations func(asid.ODSCode) bool

	// Time is the clock; nil: time.Now.
	Time func() time.Time

	mu        sync.RWMutex
	pointers  map[string]*revision        // by id
	named     map[pointer.Query]*revision // by subject and identifier, whatever the status
	ofPatient map[string][]*revision      // by subject, oldest first
	bytes     int64
}

const (
	defaultMaxBytes = 64 << 20

	// overhead is what a pointer takes besides its resource.
	overhead = 1 << 10

	// maxOfPatient bounds the answer to a search.
	maxOfPatient = 1000
)

// The statuses of a pointer.
const (
	current        = "current"
	superseded     = "superseded"
	enteredInError = "entered-in-error"
)

// A revision is one version of one pointer. It never changes: a change puts another
// in its place.
type revision struct {
	pointer  *pointer.Pointer
	resource *element // without id, meta.versionId and status, which are in pointer
	updated  time.Time
	bytes    int64
}

// Resolve implements [pointer.Resolver].
func (s *Store) Resolve(_ context.Context, q pointer.Query) (*pointer.Pointer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.pointers[q.ID]
	if q.ID == "" {
		k = s.named[pointer.Query{Subject: q.Subject, Identifier: q.Identifier}]
	}
	if k == nil || !q.Matches(k.pointer) {
		return nil, pointer.ErrNotFound
	}
	return copyOf(k.pointer), nil
}

// copyOf shares nothing with p: a revision's pointer stays here, so that no caller
// can change it.
func copyOf(p *pointer.Pointer) *pointer.Pointer {
	q := *p
	q.RelatesTo = slices.Clone(p.RelatesTo)
	return &q
}

// get returns the pointer of that id, or nil.
func (s *Store) get(id string) *revision {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pointers[id]
}

// search returns the current pointers of a patient that match, oldest first.
func (s *Store) search(subject string, match func(*revision) bool) []*revision {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*revision
	for _, k := range s.ofPatient[subject] {
		if k.pointer.Status == current && match(k) {
			found = append(found, k)
		}
	}
	return found
}

// commit makes the change that was decided on, whole or not at all, if the
// stored pointer is still the one that was judged. fresh is the new pointer of a
// create or supersede; what is returned is the new pointer, the updated one, or
// the one that was deleted.
func (s *Store) commit(d *pointer.Decision, fresh *revision) (*revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old, next *revision
	if d.Stored != nil {
		var err error
		if old, err = s.unchanged(d); err != nil {
			return nil, err
		}
	}
	switch d.Change.Action {
	case pointer.Supersede:
		next = s.altered(old, superseded)
	case pointer.Update:
		next = s.altered(old, enteredInError)
	}
	if fresh != nil {
		if err := s.room(fresh); err != nil {
			return nil, err
		}
		if old != nil && fresh.resource.isR4() && !fresh.sharesType(old) { // the successor's rule, and not the NRL's
			return nil, &pointer.ChangeError{Rule: pointer.RuleRelatesTo, Action: pointer.Supersede, Detail: "leads to a pointer of another type"}
		}
	}

	// Nothing below fails.
	if old != nil {
		s.replace(old, next)
	}
	switch {
	case fresh != nil:
		s.add(fresh)
		return fresh, nil
	case next != nil:
		return next, nil
	default:
		return old, nil
	}
}

// unchanged returns the pointer that was judged, or the answer that the request
// would have got had it come a moment later.
func (s *Store) unchanged(d *pointer.Decision) (*revision, error) {
	k, q := s.pointers[d.Stored.ID], pointer.Query{ID: d.Stored.ID}
	if d.Change.Action == pointer.Supersede && (k == nil || k.pointer.Version != d.Stored.Version) {
		return nil, &pointer.ChangeError{Rule: pointer.RuleRelatesTo, Action: pointer.Supersede, Target: q,
			Detail: "leads to a pointer that has changed meanwhile"}
	}
	switch {
	case k == nil:
		return nil, refused(pointer.RuleNotFound, q, "is not there")
	case k.pointer.Version == d.Stored.Version:
		return k, nil
	case d.Change.Action == pointer.Update && k.pointer.Status != current:
		return nil, refused(pointer.RuleNotCurrent, q, "is not current")
	default: // it can be changed still, once its new version was judged
		return nil, refused(pointer.RuleConflict, q, "has changed since it was judged")
	}
}

// altered returns the next version of k.
func (s *Store) altered(k *revision, status string) *revision {
	p, next := *k.pointer, *k
	version, _ := strconv.Atoi(p.Version) // the store's own number
	p.Version, p.Status = strconv.Itoa(version+1), status
	next.pointer, next.updated = &p, s.now()
	return &next
}

// room checks that k can be added: its masterIdentifier is the patient's only
// one, and it fits.
func (s *Store) room(k *revision) error {
	if q, named := nameOf(k); named && s.named[q] != nil {
		return refused(pointer.RuleDuplicate, q, "is one that the patient has a pointer of already")
	}
	most := s.MaxBytes
	if most <= 0 {
		most = defaultMaxBytes
	}
	if s.bytes+k.bytes > most || len(s.ofPatient[k.pointer.Subject]) >= maxOfPatient {
		return &fullError{}
	}
	return nil
}

func (s *Store) add(k *revision) {
	if s.pointers == nil {
		s.pointers, s.named, s.ofPatient = make(map[string]*revision), make(map[pointer.Query]*revision), make(map[string][]*revision)
	}
	s.pointers[k.pointer.ID] = k
	if q, named := nameOf(k); named {
		s.named[q] = k
	}
	s.ofPatient[k.pointer.Subject] = append(s.ofPatient[k.pointer.Subject], k)
	s.bytes += k.bytes
}

// replace puts next in the place of k, or takes k away if next is nil.
func (s *Store) replace(k, next *revision) {
	list := s.ofPatient[k.pointer.Subject]
	remaining := make([]*revision, 0, len(list))
	for _, other := range list {
		switch {
		case other != k:
			remaining = append(remaining, other)
		case next != nil:
			remaining = append(remaining, next)
		}
	}
	q, named := nameOf(k)
	if next != nil {
		s.pointers[k.pointer.ID] = next
		if named {
			s.named[q] = next
		}
		s.ofPatient[k.pointer.Subject] = remaining
		return
	}
	delete(s.pointers, k.pointer.ID)
	delete(s.named, q)
	s.bytes -= k.bytes
	if len(remaining) == 0 {
		delete(s.ofPatient, k.pointer.Subject)
	} else {
		s.ofPatient[k.pointer.Subject] = remaining
	}
}

func nameOf(k *revision) (pointer.Query, bool) {
	p := k.pointer
	return pointer.Query{Subject: p.Subject, Identifier: p.MasterIdentifier}, !p.MasterIdentifier.IsZero()
}

func (s *Store) now() time.Time {
	if s.Time != nil {
		return s.Time()
	}
	return time.Now()
}
