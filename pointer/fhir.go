// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// A FHIR is a [Resolver] over the FHIR API of an NRL or of another FHIR server:
// it reads pointers by id and searches them by subject and identifier. What a
// search finds counts only if its masterIdentifier is the one meant: FHIR's
// parameter identifier means the plain identifiers too, and a server may leave
// out parameters that it does not know. A patient whom the server names by the NHS
// number and by Patient/[id], which is below Base, is found by either; the search fails
// if that pointer's patient is named in a way that cannot be compared. An answer
// with fewer resources than its total, of which one that is listed twice counts
// once, is refused, as is one that has the pointer meant in two states, or a part of one
// (the tag SUBSETTED) that may be it. Every look-up asks caches to be passed over, and
// an answer of one (Age, RFC 9111 section 5.1) is refused.
// It is safe for concurrent use; its fields are not to be changed once it is in use.
//
// What is stored is read tolerantly, except for the custodian. The NRL itself
// shows current pointers only. There an update or a delete of another one is
// refused with [ErrNotFound], as one that is not there, where the NRL answers with
// the code of its specification, else as a failed look-up. An answer that names
// no version is refused: no change could be conditional on it.
type FHIR struct {
	// Client sends the requests; required. Its Transport is an asid.Transport
	// over a client of tlsconfig. Redirects are not followed.
	Client *http.Client

	// Base is the URL before DocumentReference, such as
	// https://nrl.example.nhs.uk/STU3; required.
	Base *url.URL

	// RelativeReferences is to be as in the Guard, so that pointers which the one let
	// pass can be read by the other.
	RelativeReferences bool

	// SubjectByIdentifier searches by subject:identifier and the NHS number, for R4
	// servers whose pointers name the patient so, in place of subject and its URL. A
	// patient with another URL than the PDS's is then refused by [RuleResource].
	// A pointer that names its patient in the other way alone is not found: all of one
	// server's have to name them in the one way, or all in the other.
	SubjectByIdentifier bool

	// MaxBytes bounds an answer's body, and those of all pages of a search together, in
	// bytes; zero or less: 8 MiB. A pointer that is answered with more cannot be changed
	// any more: a server may write one in several times as many bytes as it was created
	// with.
	MaxBytes int64

	// MaxPages bounds the pages of a search that are read; zero or less: 20. What
	// is on more pages is refused.
	MaxPages int
}

const defaultMaxPages = 20

// Resolve implements [Resolver]. The version is that of the resource and of the
// ETag; if there are both and they differ, the answer is refused. A server that
// answers 503 or 429 gives a [*ChangeError] of [RuleUnavailable], a patient whom it
// cannot be asked about one of [RuleResource].
func (f *FHIR) Resolve(ctx context.Context, q Query) (*Pointer, error) {
	if f.Client == nil || f.Base == nil {
		return nil, errors.New("a FHIR resolver needs a Client and a Base")
	}
	switch {
	case fhirpath.IsID(q.ID):
		return f.read(ctx, q, noPointer)
	case q.ID == "" && q.Subject != "" && !q.Identifier.IsZero():
		return f.search(ctx, q)
	default:
		return nil, ErrNotFound
	}
}

func (f *FHIR) reader() fhir.Reader {
	return fhir.Reader{Relative: f.RelativeReferences, Stored: true}
}

func (f *FHIR) read(ctx context.Context, q Query, none absent) (*Pointer, error) {
	a, err := get(ctx, f.Client, f.Base.JoinPath(fhirpath.DocumentReference, q.ID), jsonType, none, f.MaxBytes)
	if err != nil {
		return nil, err
	}
	d, err := f.reader().DocumentReference(a.contentType, a.body)
	if err != nil {
		return nil, err
	}
	p := f.pointer(d)
	if a.version != "" && p.Version != "" && a.version != p.Version {
		return nil, errors.New("the answer has one version in its ETag and another in meta.versionId")
	}
	if p.Version == "" {
		p.Version = a.version
	}
	if p.Version == "" {
		return nil, errors.New("the answer names no version, so that no change could be conditional on it")
	}
	if p.ID != q.ID {
		return nil, errors.New("the server answered with another pointer than asked for")
	}
	if !q.Matches(p) {
		return nil, ErrNotFound
	}
	return p, nil
}

func (f *FHIR) search(ctx context.Context, q Query) (*Pointer, error) {
	for _, s := range []string{q.Subject, q.Identifier.System, q.Identifier.Value} {
		if strings.ContainsAny(s, searchSyntax) {
			return nil, ErrNotFound
		}
	}
	params := url.Values{"identifier": {q.Identifier.System + "|" + q.Identifier.Value}}
	nhsNumber, known := strings.CutPrefix(q.Subject, spine.PatientURL)
	switch {
	case !f.SubjectByIdentifier:
		params.Set("subject", q.Subject)
	case known:
		params.Set("subject:identifier", spine.PatientSystem+"|"+nhsNumber)
	default: // that there is no such pointer is not known, and a create would go by it
		return nil, &ChangeError{Rule: RuleResource, Element: "subject",
			Detail: "is not a patient of the PDS, by whose NHS number alone the store can be searched"}
	}
	page := f.Base.JoinPath(fhirpath.DocumentReference)
	page.RawQuery = params.Encode()
	most := f.MaxPages
	if most <= 0 {
		most = defaultMaxPages
	}
	left := f.MaxBytes
	if left <= 0 {
		left = defaultMaxAnswer
	}
	var found *Pointer
	var listed fhir.Listing
	for n := 0; page != nil; n++ {
		if n == most {
			return nil, errors.New("the answer to a search has more pages than are read")
		}
		if left <= 0 {
			return nil, errors.New("the answer to a search is larger than the limit")
		}
		a, err := get(ctx, f.Client, page, jsonType, noPatient, left)
		if n > 0 && errors.Is(err, ErrNotFound) {
			return nil, errors.New("the answer to a search has a next page that is not there")
		}
		if err != nil {
			return nil, err
		}
		left -= int64(len(a.body))
		set, err := readSearchset(a.contentType, a.body)
		if err != nil {
			return nil, err
		}
		listed.Add(set)
		for _, e := range set.Entries {
			p, err := f.candidate(e, q)
			switch {
			case err != nil:
				return nil, err
			case p == nil:
			case found != nil && found.ID != p.ID:
				return nil, ErrAmbiguous
			case found != nil && !reflect.DeepEqual(found, p): // changed meanwhile, and a page may be older than the one before
				return nil, errors.New("the answer to a search has one pointer in two states")
			default:
				found = p
			}
		}
		if page, err = f.next(set.Next); err != nil {
			return nil, err
		}
	}
	if listed.Len() < listed.Total {
		return nil, errors.New("the answer to a search has fewer pointers than it says that it found")
	}
	if found == nil {
		return nil, ErrNotFound
	}
	if found.Version == "" { // a read has an ETag
		return f.read(ctx, Query{ID: found.ID, Subject: q.Subject, Identifier: q.Identifier}, goneMeanwhile)
	}
	return found, nil
}

// candidate reads the resource of an entry and returns its pointer if it is the one meant, or
// nil. An entry that cannot be read matters only if it could be.
func (f *FHIR) candidate(resource []byte, q Query) (*Pointer, error) {
	if !couldBe(resource, q) {
		return nil, nil
	}
	d, err := f.reader().DocumentReference(jsonType, resource)
	if err != nil {
		return nil, err
	}
	p := f.pointer(d)
	if !q.Matches(p) {
		if d.IsPart(jsonType, resource) {
			return nil, errors.New("the answer to a search has a part of a pointer, which may be the one asked for")
		}
		if p.MasterIdentifier == q.Identifier && f.incomparable(d, q.Subject) {
			return nil, errors.New("the answer to a search has a pointer whose patient cannot be compared with the one asked for")
		}
		return nil, nil
	}
	if p.ID == "" {
		return nil, errors.New("the answer to a search has a pointer without an id")
	}
	return p, nil
}

// pointer is what was read, with the URLs of a patient of the server's own.
func (f *FHIR) pointer(d *fhir.DocumentReference) *Pointer {
	p := pointerOf(d)
	p.Subject = f.absolute(d.Subject)
	if !onPDS(d.OtherSubject) { // else it names two patients, and the reference decides
		p.otherSubject = f.absolute(d.OtherSubject)
	}
	return p
}

// next is the URL of the next page, or nil. It must be below Base: the request
// has credentials in it.
func (f *FHIR) next(link string) (*url.URL, error) {
	if link == "" {
		return nil, nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, errors.New("the answer to a search has a next page whose URL is malformed")
	}
	u = f.Base.JoinPath("/").ResolveReference(u)
	base := strings.TrimSuffix(f.Base.Path, "/")
	if u.Scheme != f.Base.Scheme || u.Host != f.Base.Host || u.User != nil || u.RawPath != "" ||
		u.Path != base && !strings.HasPrefix(u.Path, base+"/") {
		return nil, errors.New("the answer to a search has a next page on another server")
	}
	return u, nil
}
