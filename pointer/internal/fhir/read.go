// SPDX-License-Identifier: Apache-2.0

// Package fhir reads what ownership needs of a DocumentReference, strictly for
// what a client sends and tolerantly for what is stored, and checks the one
// update that the NRL allows. It knows nothing of HTTP beyond media types.
package fhir

// DocumentReference reads body, whose media type is contentType. The errors are
// [*Error]. The caller bounds the body's size.
func (r Reader) DocumentReference(contentType string, body []byte) (*DocumentReference, error) {
	p := new(DocumentReference)
	if err := r.Read(contentType, body, p); err != nil {
		return nil, err
	}
	return p, nil
}

// Read is DocumentReference into what the caller has, which is zero.
func (r Reader) Read(contentType string, body []byte, into *DocumentReference) error {
	if err := read(contentType, body, r, Reader.documentReference, into); err != nil || r.Stored {
		return err
	}
	if into.IsPart(contentType, body) { // stored, it would hide from readers that it is the whole
		return refusedElement("meta.tag", "says that it is a part of a pointer ("+Subsetted+")")
	}
	return nil
}

// read reads body by the rules into what they fill, whatever it is written in.
func read[T any](contentType string, body []byte, r Reader, rules func(Reader, cursor, *T) error, into *T) error {
	f, err := FormatOf(contentType)
	if err != nil {
		return err
	}
	if f == XML {
		return readXML(body, r.Stored, func(c cursor) error { return rules(r, c, into) })
	}
	return readJSON(body, &jsonDocument[T]{reader: r, rules: rules, into: into})
}
