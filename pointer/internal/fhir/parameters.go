// SPDX-License-Identifier: Apache-2.0

package fhir

// EnteredInError is the status that the update gives a pointer.
const EnteredInError = "entered-in-error"

// Update checks that body holds the one update that the NRL allows: a
// Parameters resource with a single operation, which replaces
// DocumentReference.status with entered-in-error (FHIRPath Patch). The NRL reads
// the first of several operations; another Reader might read all of them, so
// there must not be several.
func Update(contentType string, body []byte) error {
	return read(contentType, body, Reader{}, Reader.operations, new(int))
}

func (r Reader) operations(c cursor, count *int) error {
	if err := c.resource("Parameters"); err != nil {
		return err
	}
	err := fields(c, parametersLevel, func(field) error {
		return in("parameter", c.each(func() error {
			*count++
			return operation(c)
		}))
	})
	if err == nil && *count != 1 {
		err = invalid("parameter", "is not there exactly once")
	}
	return err
}

func operation(c cursor) error {
	named := ""
	parts := make(map[string]typed)
	err := enterFields(c, parameterLevel, func(f field) (err error) {
		switch f {
		case fieldName:
			err = readText(c, "name", &named)
		case fieldPart:
			err = in("part", c.each(func() error { return readPart(c, parts) }))
		}
		return err
	})
	if err != nil {
		return err
	}
	return allowed(named, parts)
}

// typed is the value of a part, in its type.
type typed struct {
	field
	text string
}

// allowed is the rule.
func allowed(named string, parts map[string]typed) error {
	const element = "parameter"
	if named != "operation" {
		return invalid(element, "is not named operation")
	}
	if parts["type"] != (typed{fieldValueCode, "replace"}) {
		return invalid(element, "has a type other than the code replace")
	}
	if parts["path"] != (typed{fieldValueString, "DocumentReference.status"}) {
		return invalid(element, "has a path other than the string DocumentReference.status")
	}
	const withdrawn = EnteredInError
	if v := parts["value"]; v != (typed{fieldValueString, withdrawn}) && v != (typed{fieldValueCode, withdrawn}) {
		return invalid(element, "has a value other than "+withdrawn)
	}
	if len(parts) != 3 {
		return invalid(element, "has other parts than type, path and value")
	}
	return nil
}

func readPart(c cursor, parts map[string]typed) error {
	named, v := "", typed{}
	err := enterFields(c, partLevel, func(f field) (err error) {
		switch f {
		case fieldName:
			err = readText(c, "name", &named)
		case fieldValueCode, fieldValueString:
			if v.field != fieldIgnored {
				return refusedElement(cut(named), "has two values")
			}
			v.field = f
			err = readText(c, "value", &v.text)
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, twice := parts[named]; twice {
		return refusedElement(cut(named), "is there twice")
	}
	parts[named] = v
	return nil
}
