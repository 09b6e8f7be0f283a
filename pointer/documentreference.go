// SPDX-License-Identifier: Apache-2.0

package pointer

// pointer reads the resource at hand into p.
func (r reader) pointer(c cursor, p *Pointer) error {
	if err := c.resource("DocumentReference"); err != nil {
		return err
	}
	for {
		f, err := c.next(documentReferenceLevel)
		if err != nil {
			return err
		}
		switch f {
		case done:
			return nil
		case resourceID:
			p.ID, err = logicalID(c)
			err = in("id", err)
		case meta:
			p.Version, err = readMeta(c)
			err = in("meta", err)
		case status:
			p.Status, err = c.text()
			err = in("status", err)
		case subject:
			var ref referenceTo
			if ref, err = readReference(c); err == nil {
				p.Subject, err = ref.patient()
			}
			err = in("subject", err)
		case custodian:
			var ref referenceTo
			if ref, err = readReference(c); err == nil {
				p.Custodian, err = ref.organisation(r.relative)
			}
			err = in("custodian", err)
		case masterIdentifier:
			p.MasterIdentifier, err = readIdentifier(c)
			err = in("masterIdentifier", err)
		case relatesTo:
			err = in("relatesTo", c.each(func() error {
				rel, err := readRelation(c)
				p.RelatesTo = append(p.RelatesTo, rel)
				return err
			}))
		}
		if err != nil {
			return err
		}
	}
}

func logicalID(c cursor) (string, error) {
	id, err := c.text()
	if err == nil && !isID(id) {
		err = &BodyError{Detail: "is not an id"}
	}
	return id, err
}

func readMeta(c cursor) (version string, err error) {
	if err := c.enter(); err != nil {
		return "", err
	}
	for {
		f, err := c.next(metaLevel)
		if err != nil || f == done {
			return version, err
		}
		if version, err = logicalID(c); err != nil { // a versionId has the form of an id
			return "", in("versionId", err)
		}
	}
}

func readIdentifier(c cursor) (id Identifier, err error) {
	if err := c.enter(); err != nil {
		return Identifier{}, err
	}
	for {
		f, err := c.next(identifierLevel)
		if err != nil {
			return Identifier{}, err
		}
		switch f {
		case done:
			if id.System == "" || id.Value == "" {
				return Identifier{}, &BodyError{Detail: "lacks its system or its value"}
			}
			return id, nil
		case system:
			id.System, err = c.text()
			err = in("system", err)
		case value:
			id.Value, err = c.text()
			err = in("value", err)
		}
		if err != nil {
			return Identifier{}, err
		}
	}
}

func readRelation(c cursor) (rel Relation, err error) {
	if err := c.enter(); err != nil {
		return Relation{}, err
	}
	for {
		f, err := c.next(relatesToLevel)
		if err != nil || f == done {
			return rel, err
		}
		switch f {
		case code:
			rel.Code, err = c.text()
			err = in("code", err)
		case target:
			var ref referenceTo
			if ref, err = readReference(c); err == nil {
				rel.Target, err = ref.documentReference()
			}
			err = in("target", err)
		}
		if err != nil {
			return Relation{}, err
		}
	}
}
