// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

var (
	emptyJSONMeta = regexp.MustCompile(`^"meta"\s*:\s*\{\s*\}$`)
	emptyXMLMeta  = regexp.MustCompile(`^<meta[^>]*>\s*(</meta\s*>)?$`)
)

// Unassigned returns body, from which p was read, without what only a store
// assigns: id, meta.versionId and meta.lastUpdated. Some stores take a POST's id
// for that of the resource to write over. If replaces is not empty, the target of
// p's only relation becomes the logical id replaces and nothing else, so that no
// store can find another pointer by it. The result is body itself if there is
// nothing to change; else it has been read again, and says what p says.
func (r Reader) Unassigned(contentType string, body []byte, p *DocumentReference, replaces string) ([]byte, error) {
	if p.ncuts == 0 && replaces == "" {
		return body, nil
	}
	f, err := FormatOf(contentType)
	if err != nil {
		return nil, err
	}
	edits := slices.Clone(p.cuts[:p.ncuts])
	if replaces != "" {
		edits = append(edits, p.target)
		slices.SortFunc(edits, func(a, b span) int { return a.from - b.from })
	}
	out := slices.Clone(body)
	// From the last to the first: what is before an edit stays where it is.
	for _, e := range slices.Backward(edits) {
		if replaces != "" && e == p.target {
			out = slices.Replace(out, e.from, e.to, r.target(f, replaces)...)
		} else {
			out = remove(f, out, e)
		}
	}
	again, err := r.DocumentReference(contentType, out)
	if err != nil {
		return nil, err
	}
	meta := out[again.meta.from:again.meta.to]
	if f == JSON && emptyJSONMeta.Match(meta) || f == XML && emptyXMLMeta.Match(meta) { // FHIR has no empty elements
		out = remove(f, out, again.meta)
		if again, err = r.DocumentReference(contentType, out); err != nil {
			return nil, err
		}
	}
	if again.ncuts > 0 || again.Custodian != p.Custodian || again.Subject != p.Subject || again.Status != p.Status ||
		again.MasterIdentifier != p.MasterIdentifier || len(again.RelatesTo) != len(p.RelatesTo) ||
		replaces != "" && again.RelatesTo[0] != (Relation{Code: p.RelatesTo[0].Code, ID: replaces}) {
		return nil, errors.New("the body says something else once it is rewritten")
	}
	return out, nil
}

// target is the member or element target of a relatesTo.
func (r Reader) target(f Format, id string) []byte {
	form := `"target":{"reference":"DocumentReference/%s"}`
	switch {
	case f == XML && r.TargetIsID:
		form = `<target><identifier><value value="%s"/></identifier></target>`
	case f == XML:
		form = `<target><reference value="DocumentReference/%s"/></target>`
	case r.TargetIsID:
		form = `"target":{"identifier":{"value":"%s"}}`
	}
	return fmt.Appendf(nil, form, id) // an id needs no escape in either
}

// WithStatus returns body, from which p was read, with another status.
func (r Reader) WithStatus(contentType string, body []byte, p *DocumentReference, status string) ([]byte, error) {
	f, err := FormatOf(contentType)
	if err != nil {
		return nil, err
	}
	form := `"status":"%s"`
	if f == XML {
		form = `<status value="%s"/>`
	}
	if p.status == (span{}) {
		return nil, invalid("status", "is missing")
	}
	out := slices.Concat(body[:p.status.from], fmt.Appendf(nil, form, status), body[p.status.to:])
	again, err := r.DocumentReference(contentType, out)
	if err != nil {
		return nil, err
	}
	if again.ID != p.ID || again.Version != p.Version || again.Custodian != p.Custodian || again.Status != status {
		return nil, errors.New("the resource says something else with another status")
	}
	return out, nil
}

// remove takes an element out, in JSON with the comma that it no longer needs.
func remove(f Format, body []byte, s span) []byte {
	if f == JSON {
		const space = " \t\r\n"
		after := bytes.TrimLeft(body[s.to:], space)
		before := bytes.TrimRight(body[:s.from], space)
		if bytes.HasPrefix(after, []byte{','}) {
			s.to = len(body) - len(after) + 1
		} else if bytes.HasSuffix(before, []byte{','}) {
			s.from = len(before) - 1
		}
	}
	return slices.Delete(body, s.from, s.to)
}
