// SPDX-License-Identifier: Apache-2.0

package pointer

// update checks that body holds the one update that the NRL allows: a
// Parameters resource with a single operation, which replaces
// DocumentReference.status with entered-in-error (FHIRPath Patch). The NRL reads
// the first of several operations; another reader might read all of them, so
// there must not be several.
func update(contentType string, body []byte) error {
	return read(contentType, body, reader{}, reader.operations, new(int))
}

func (r reader) operations(c cursor, count *int) error {
	if err := c.resource("Parameters"); err != nil {
		return err
	}
	for {
		f, err := c.next(parametersLevel)
		if err != nil {
			return err
		}
		if f == done {
			if *count != 1 {
				return &ResourceError{Element: "parameter", Detail: "is not there exactly once"}
			}
			return nil
		}
		err = in("parameter", c.each(func() error {
			*count++
			return operation(c)
		}))
		if err != nil {
			return err
		}
	}
}

func operation(c cursor) error {
	if err := c.enter(); err != nil {
		return err
	}
	named := ""
	parts := make(map[string]typed)
	for {
		f, err := c.next(parameterLevel)
		if err != nil {
			return err
		}
		switch f {
		case done:
			return allowed(named, parts)
		case name:
			named, err = c.text()
			err = in("name", err)
		case part:
			err = in("part", c.each(func() error { return readPart(c, parts) }))
		}
		if err != nil {
			return err
		}
	}
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
		return &ResourceError{Element: element, Detail: "is not named operation"}
	}
	if parts["type"] != (typed{valueCode, "replace"}) {
		return &ResourceError{Element: element, Detail: "has a type other than the code replace"}
	}
	if parts["path"] != (typed{valueString, "DocumentReference.status"}) {
		return &ResourceError{Element: element, Detail: "has a path other than the string DocumentReference.status"}
	}
	const withdrawn = "entered-in-error"
	if v := parts["value"]; v != (typed{valueString, withdrawn}) && v != (typed{valueCode, withdrawn}) {
		return &ResourceError{Element: element, Detail: "has a value other than " + withdrawn}
	}
	if len(parts) != 3 {
		return &ResourceError{Element: element, Detail: "has other parts than type, path and value"}
	}
	return nil
}

func readPart(c cursor, parts map[string]typed) error {
	if err := c.enter(); err != nil {
		return err
	}
	named, v := "", typed{}
	for {
		f, err := c.next(partLevel)
		if err != nil {
			return err
		}
		switch f {
		case done:
			if _, twice := parts[named]; twice {
				return &BodyError{Element: clip(named), Detail: "is there twice"}
			}
			parts[named] = v
			return nil
		case name:
			named, err = c.text()
			err = in("name", err)
		case valueCode, valueString:
			if v.field != ignored {
				return &BodyError{Element: clip(named), Detail: "has two values"}
			}
			v.field = f
			v.text, err = c.text()
			err = in("value", err)
		}
		if err != nil {
			return err
		}
	}
}
