// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"mime"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// The orders in which XML has the elements of a DocumentReference, and of what is
// in it (FHIR's schemas are sequences). No two types of the second disagree.
var (
	rootOrder = []string{"id", "meta", "language", "text", "extension", "masterIdentifier", "identifier", "status", "docStatus", "type", "class",
		"category", "subject", "created", "indexed", "date", "author", "authenticator", "custodian", "relatesTo", "description", "securityLabel",
		"content", "context"}
	innerOrder = []string{"id", "extension", "versionId", "lastUpdated", "source", "profile", "security", "tag", "reference", "use", "type",
		"identifier", "ref", "system", "version", "value", "code", "target", "encounter", "event", "period", "assigner", "coding", "text", "display",
		"userSelected", "contentType", "language", "data", "url", "size", "hash", "title", "creation", "attachment", "format", "facilityType",
		"practiceSetting", "sourcePatientInfo", "related", "start", "end"}
)

// sortElements brings e's elements, and those in them, into FHIR's order. What
// has no place in it goes last.
func (e *element) sortElements(order []string) {
	rank := func(c *element) int {
		if i := slices.Index(order, c.name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(e.children, func(a, b *element) int { return rank(a) - rank(b) })
	for _, c := range e.children {
		c.sortElements(innerOrder)
	}
}

var (
	// FHIR STU3 and R4, datatypes, "Primitive Types".
	instantForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)
	dateForms   = []string{"2006", "2006-01", "2006-01-02"}
	codeForm    = regexp.MustCompile(`^\S+( \S+)*$`)
)

func isInstant(s string) bool {
	_, err := time.Parse(time.RFC3339Nano, s)
	return err == nil && instantForm.MatchString(s)
}

func isDateTime(s string) bool {
	return isInstant(s) || slices.ContainsFunc(dateForms, func(form string) bool {
		_, err := time.Parse(form, s)
		return err == nil
	})
}

// isRecordURL tells the URLs of records: absolute, over https or through the SSP.
func isRecordURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "ssp") && u.Host != "" && u.User == nil
}

func isMediaType(s string) bool {
	_, _, err := mime.ParseMediaType(s)
	return err == nil
}

// isComplex tells the elements that have children and no value.
func isComplex(name string) bool {
	switch name {
	case "meta", "masterIdentifier", "identifier", "class", "category", "subject", "author", "authenticator", "custodian", "relatesTo", "target",
		"securityLabel", "content", "attachment", "format", "context", "coding", "period", "facilityType", "practiceSetting", "sourcePatientInfo",
		"related", "event", "encounter", "assigner", "extension", "security", "tag":
		return true
	}
	return false
}

// isPrimitive tells the elements that have a value and, stored here, no children.
func isPrimitive(name string) bool {
	switch name {
	case "id", "status", "docStatus", "language", "created", "indexed", "date", "description", "url", "versionId", "lastUpdated", "source", "profile",
		"reference", "display", "use", "system", "value", "version", "code", "text", "userSelected", "contentType", "data", "size", "hash", "title",
		"creation", "start", "end":
		return true
	}
	return false
}

// isShaped reports whether c, in e, has the shape that FHIR's JSON gives it:
// object, array, string, number or boolean. What extensions hold is theirs.
func (e *element) isShaped(c *element) bool {
	if e.name == "extension" && c.name != "url" && c.name != "id" {
		return len(c.children) > 0 || c.literal == isLiteral(c.name)
	}
	leaf := len(c.children) == 0
	return !(isComplex(c.name) && leaf) && !(isPrimitive(c.name) && !leaf) && (!leaf || c.literal == isLiteral(c.name)) &&
		(c.list == isList(e.name, c.name) || c.name == "encounter") // a list in R4 only
}

// conforms checks the shape of a new pointer's elements, and the primitives that
// have a form.
func (e *element) conforms() error {
	for i, c := range e.children {
		if !c.list && slices.ContainsFunc(e.children[:i], func(other *element) bool { return other.name == c.name }) {
			return invalid(c.name, "is there twice")
		}
		if !e.isShaped(c) {
			return invalid(c.name, "has not the shape that FHIR gives it there")
		}
		ok := true
		switch c.name {
		case "indexed":
			ok = isInstant(c.value)
		case "created", "creation", "date", "start", "end":
			ok = e.name == "extension" || isDateTime(c.value)
		case "docStatus":
			ok = slices.Contains([]string{"preliminary", "final", "appended", "amended", "entered-in-error"}, c.value)
		case "use":
			ok = slices.Contains([]string{"usual", "official", "temp", "secondary", "old"}, c.value)
		case "contentType":
			ok = isMediaType(c.value)
		case "url":
			ok = e.name != "attachment" || isRecordURL(c.value)
		case "code":
			ok = len(c.children) > 0 || codeForm.MatchString(c.value)
		}
		if !ok {
			return invalid(c.name, "has not the form that FHIR gives it there")
		}
		if err := c.conforms(); err != nil {
			return err
		}
	}
	return nil
}

// contentStability is the extension that says whether a record can change.
const contentStability = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1"

// complete checks that a new pointer has what the profile NRL-DocumentReference-1
// asks for (1..1 or 1..*), or, of R4, what its successor does.
func (e *element) complete() error {
	mandatory := []string{"status", "type", "subject", "author", "custodian", "content"}
	if e.isR4() {
		return e.has("", mandatory...)
	}
	if err := e.has("", append(mandatory, "meta", "class", "context")...); err != nil {
		return err
	}
	if err := e.find("meta").has("meta.", "profile"); err != nil {
		return err
	}
	if err := e.find("context").has("context.", "practiceSetting"); err != nil {
		return err
	}
	for _, c := range e.children {
		if c.name != "content" {
			continue
		}
		if err := c.has("content.", "attachment", "format"); err != nil {
			return err
		}
		if err := c.find("attachment").has("content.attachment.", "contentType", "url"); err != nil {
			return err
		}
		stable := slices.ContainsFunc(c.children, func(x *element) bool {
			return x.name == "extension" && x.find("url") != nil && x.find("url").value == contentStability
		})
		if !stable {
			return invalid("content.extension", "has no contentStability")
		}
	}
	return nil
}

// isR4 reports whether the resource has what only R4's does.
func (e *element) isR4() bool { return e.find("category") != nil || e.find("date") != nil }

func (e *element) has(path string, names ...string) error {
	for _, name := range names {
		if e.find(name) == nil {
			return invalid(path+name, "is missing")
		}
	}
	return nil
}
