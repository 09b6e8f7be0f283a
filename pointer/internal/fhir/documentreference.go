// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// A DocumentReference is what ownership needs of one.
type DocumentReference struct {
	ID, Version      string
	Custodian        asid.ODSCode
	Status, Subject  string
	OtherSubject     string // another URL of the subject that is stored beside it; relative, or of the PDS if Subject is, too
	MasterIdentifier Identifier
	RelatesTo        []Relation

	meta span
	// Of id, meta.versionId, meta.version and meta.lastUpdated, in the body's order.
	// None of them can be there twice.
	cuts   [4]span
	ncuts  int
	target span // of the only relation
	status span
}

func (p *DocumentReference) cut(s span) {
	p.cuts[p.ncuts] = s
	p.ncuts++
}

// A Relation is one relatesTo.
type Relation struct {
	Code       string
	ID         string // the logical id in target.reference; empty if there is none
	Identifier Identifier
}

// documentReference reads the whole body into p.
func (r Reader) documentReference(c cursor, p *DocumentReference) error {
	if err := c.resource(fhirpath.DocumentReference); err != nil {
		return err
	}
	c.tolerate(r.Stored)
	return fields(c, documentReferenceLevel, func(f field) (err error) {
		from := c.begin()
		switch f {
		case fieldID:
			p.ID, err = logicalID(c)
			p.cut(span{from, c.end()})
			err = in("id", err)
		case fieldMeta:
			err = in("meta", r.readMeta(c, p))
			p.meta = span{from, c.end()}
		case fieldStatus:
			err = readText(c, "status", &p.Status)
			p.status = span{from, c.end()}
		case fieldSubject:
			var ref referenceTo
			if ref, err = r.readReference(c); err == nil {
				p.Subject, p.OtherSubject, err = r.patient(ref)
			}
			err = in("subject", err)
		case fieldCustodian:
			err = in("custodian", r.readCustodian(c, p))
		case fieldMasterIdentifier:
			p.MasterIdentifier, err = readIdentifier(c, r.Stored)
			err = in("masterIdentifier", err)
		case fieldRelatesTo:
			err = in("relatesTo", r.readRelations(c, p))
		}
		return err
	})
}

// readCustodian is as strict about what is stored as about what is sent.
func (r Reader) readCustodian(c cursor, p *DocumentReference) error {
	strict := r
	strict.Stored = false
	c.tolerate(false)
	ref, err := strict.readReference(c)
	c.tolerate(r.Stored)
	if err == nil {
		p.Custodian, err = ref.organisation(r.Relative)
	}
	return err
}

func (r Reader) readRelations(c cursor, p *DocumentReference) error {
	if r.Stored {
		return c.skip()
	}
	return c.each(func() error {
		rel, target, err := r.readRelation(c)
		p.RelatesTo = append(p.RelatesTo, rel)
		p.target = target
		return err
	})
}

func logicalID(c cursor) (string, error) {
	id, err := c.text()
	if err == nil && !fhirpath.IsID(id) {
		err = refused("is not an id")
	}
	return id, err
}

func (r Reader) readMeta(c cursor, p *DocumentReference) error {
	return enterFields(c, metaLevel, func(f field) (err error) {
		from := c.begin()
		switch f {
		case fieldVersionID: // has the form of an id
			p.Version, err = logicalID(c)
			err = in("versionId", err)
		default: // the store's own to say
			err = c.skip()
		}
		if err == nil {
			p.cut(span{from, c.end()})
		}
		return err
	})
}

func (r Reader) readRelation(c cursor) (rel Relation, at span, err error) {
	err = enterFields(c, relatesToLevel, func(f field) (err error) {
		switch f {
		case fieldCode:
			err = readText(c, "code", &rel.Code)
		case fieldTarget:
			from := c.begin()
			lenient := r
			lenient.Stored = r.TargetIsID // an identifier without a system
			var ref referenceTo
			if ref, err = lenient.readReference(c); err == nil {
				rel.ID, rel.Identifier, err = r.pointer(ref)
			}
			at = span{from, c.end()}
			err = in("target", err)
		}
		return err
	})
	if err != nil {
		return Relation{}, span{}, err
	}
	return rel, at, nil
}
