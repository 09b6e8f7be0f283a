// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"encoding/base64"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

var (
	// FHIR STU3 and R4, datatypes, "Primitive Types".
	instantForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)
	dateForms   = []string{"2006", "2006-01", "2006-01-02"}
	codeForm    = regexp.MustCompile(`^\S+( \S+)*$`)
	typeForm    = regexp.MustCompile(`^[A-Z][A-Za-z]+$`)
	decimalForm = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$`)
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

// isForm reports whether a value has the form that FHIR gives the primitive type.
func isForm(kind, s string) bool {
	switch kind {
	case "id":
		return fhirpath.IsID(s)
	case "code":
		return codeForm.MatchString(s)
	case "use":
		return slices.Contains([]string{"usual", "official", "temp", "secondary", "old"}, s)
	case "instant":
		return isInstant(s)
	case "dateTime":
		return isDateTime(s)
	case "date":
		return isDateTime(s) && !strings.Contains(s, "T")
	case "boolean":
		return s == "true" || s == "false"
	case "unsignedInt", "positiveInt":
		n, err := strconv.ParseUint(s, 10, 31)
		return err == nil && (kind == "unsignedInt" || n > 0)
	case "integer":
		_, err := strconv.ParseInt(s, 10, 32)
		return err == nil
	case "decimal":
		return decimalForm.MatchString(s)
	case "base64Binary":
		_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		return err == nil
	case "uri":
		return !strings.ContainsFunc(s, unicode.IsSpace)
	case "xhtml":
		return fhir.IsNarrative(s)
	case "typeName":
		return typeForm.MatchString(s)
	case "mediaType":
		return isMediaType(s)
	case "recordURL":
		return isRecordURL(s)
	default:
		return true
	}
}

// isLiteral tells the types that JSON has as numbers or booleans.
func isLiteral(kind string) bool {
	switch kind {
	case "boolean", "unsignedInt", "positiveInt", "integer", "decimal":
		return true
	}
	return false
}

// conforms checks that e, of the type kind, and what is in it, is what FHIR's
// definitions have: the elements, how many, their shape and the form of their
// values. It brings them into the order of XML and says how JSON has them. In
// JSON a single element says by itself whether it is in an array, in XML nothing
// does.
func (e *element) conforms(kind string, edition byte, isXML bool) error {
	for i, c := range e.children {
		m, _, known := memberOf(kind, c.name, edition)
		if !known {
			return invalid(c.name, "is not one that FHIR has there, or that is stored here")
		}
		if !m.list && slices.ContainsFunc(e.children[:i], func(other *element) bool { return other.name == c.name }) {
			return invalid(c.name, "is there twice")
		}
		_, complex := schema()[m.kind]
		if isXML {
			c.list, c.literal = m.list, isLiteral(m.kind)
		}
		if c.list != m.list || c.value != "" && (complex || c.literal != isLiteral(m.kind)) || complex && (c.extended || len(c.children) == 0) {
			return invalid(c.name, "has not the shape that FHIR gives it there")
		}
		inner := m.kind
		if !complex {
			if !isXML && len(c.children) > 0 && !c.extended { // an object, whose members JSON has under the name with an underscore
				return invalid(c.name, "has not the shape that FHIR gives it there")
			}
			inner, c.extended = "Element", len(c.children) > 0
			if c.value == "" && c.find("extension") == nil {
				return invalid(c.name, "has neither a value nor an extension")
			}
		}
		if err := c.conforms(inner, edition, isXML); err != nil {
			return err
		}
		if c.value != "" && !isForm(m.kind, c.value) || c.name == "docStatus" && c.value != "" && !isDocStatus(c.value) {
			return invalid(c.name, "has not the form that FHIR gives it there")
		}
	}
	if url := e.find("url"); kind == "Extension" && (url == nil || url.value == "" || url.extended) {
		return invalid("extension", "has no url")
	}
	if id := e.find("id"); id != nil && id.extended { // an attribute in XML
		return invalid("id", "has an extension")
	}
	e.arrange(kind, edition)
	return nil
}

// arrange brings e's own elements, of which memberOf knows all, into the order of
// XML.
func (e *element) arrange(kind string, edition byte) {
	place := func(c *element) int {
		_, i, _ := memberOf(kind, c.name, edition)
		return i
	}
	slices.SortStableFunc(e.children, func(a, b *element) int { return place(a) - place(b) })
}

func isDocStatus(s string) bool {
	return slices.Contains([]string{"preliminary", "final", "appended", "amended", "entered-in-error"}, s)
}

// contentStability is the extension that says whether a record can change.
const contentStability = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1"

// complete checks that a new pointer has what the profile NRL-DocumentReference-1
// asks for (1..1 or 1..*), or, of R4, what its successor does.
func (e *element) complete() error {
	mandatory := []string{"status", "type", "subject", "author", "custodian", "content"}
	if e.isR4() {
		if err := e.has("", mandatory...); err != nil {
			return err
		}
		for _, c := range e.children {
			if c.name == "content" {
				if err := c.has("content.", "attachment"); err != nil {
					return err
				}
			}
		}
		return nil
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

func (e *element) edition() byte {
	if e.isR4() {
		return '4'
	}
	return '3'
}

func (e *element) has(path string, names ...string) error {
	for _, name := range names {
		// An extension says why a value is missing, and it is missing all the same.
		if c := e.find(name); c == nil || c.extended && c.value == "" {
			return invalid(path+name, "is missing")
		}
	}
	return nil
}
