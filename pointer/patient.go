// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// absolute is a stored subject's URL, below Base if it is a patient of the server's own.
func (f *FHIR) absolute(subject string) string {
	if own, ok := ownPatient(subject); ok {
		return f.Base.JoinPath(own).String()
	}
	return subject
}

// ownPatient returns Patient/[id], without a version, if that is what a stored
// reference is.
func ownPatient(reference string) (string, bool) {
	reference, _, _ = strings.Cut(reference, "/_history/")
	id, own := strings.CutPrefix(reference, "Patient/")
	return reference, own && fhirpath.IsID(id)
}

// incomparable reports whether a stored subject that is not in the spelling asked for
// may be that patient all the same: it is relative to a base that is not Base, the same
// Patient/[id] by another name of the server, or found by an NHS number that it does not
// show. A server that leaves out the parameter for the patient finds others', too: two
// NHS numbers are two patients, and two ids of one server.
func (f *FHIR) incomparable(d *fhir.DocumentReference, asked string) bool {
	if onPDS(asked) && onPDS(d.Subject) {
		return samePatient(d.OtherSubject, asked) // the stored one has two NHS numbers
	}
	for _, name := range []string{d.Subject, d.OtherSubject} {
		_, own := ownPatient(name)
		switch {
		case name == "" || onPDS(name):
		case own && f.isOwn(asked):
		case !strings.Contains(name, "://"), afterBase(name) == afterBase(asked):
			return true
		}
	}
	return f.SubjectByIdentifier && d.Subject != ""
}

// isOwn reports whether a URL is that of a patient of the server at Base.
func (f *FHIR) isOwn(url string) bool {
	return strings.HasPrefix(url, f.Base.JoinPath("Patient").String()+"/")
}

// afterBase returns the end of a patient's URL, from Patient on, or all of it.
func afterBase(url string) string {
	url = fhir.NormalURL(url)
	return url[max(0, strings.LastIndex(url, "/Patient/")):]
}

func onPDS(url string) bool { return strings.HasPrefix(url, spine.PatientURL) }
