// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"
)

type simValue struct {
	Value string `xml:"value,attr"`
}

type simIdentifier struct{ System, Value string }

// A simResource is a DocumentReference as a lenient reader sees it.
type simResource struct {
	ID         string          `json:"id,omitempty"`
	Meta       simMeta         `json:"meta"`
	Type       string          `json:"resourceType"`
	Master     *simIdentifier  `json:"masterIdentifier,omitempty"`
	Identifier []simIdentifier `json:"identifier,omitempty"`
	Status     string          `json:"status"`
	Subject    simReference    `json:"subject"`
	Custodian  simReference    `json:"custodian"`
	RelatesTo  []simRelation   `json:"relatesTo,omitempty"`
}

type simMeta struct {
	VersionID string `json:"versionId,omitempty"`
}

type simReference struct {
	Reference  string         `json:"reference,omitempty"`
	Identifier *simIdentifier `json:"identifier,omitempty"`
}

type simRelation struct {
	Code   string       `json:"code"`
	Target simReference `json:"target"`
}

func (i simIdentifier) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"system": i.System, "value": i.Value})
}

func (i simIdentifier) xml(name string) string {
	return "<" + name + `><system value="` + i.System + `"/><value value="` + i.Value + `"/></` + name + ">"
}

func (p *simResource) json() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (r simReference) xml(name string) string {
	s := "<" + name + ">"
	if r.Reference != "" {
		s += `<reference value="` + r.Reference + `"/>`
	}
	if r.Identifier != nil {
		s += r.Identifier.xml("identifier")
	}
	return s + "</" + name + ">"
}

func (p *simResource) xml() string {
	s := `<DocumentReference xmlns="http://hl7.org/fhir">`
	if p.ID != "" {
		s += `<id value="` + p.ID + `"/>`
	}
	if p.Meta.VersionID != "" {
		s += `<meta><versionId value="` + p.Meta.VersionID + `"/></meta>`
	}
	if p.Master != nil {
		s += p.Master.xml("masterIdentifier")
	}
	for _, i := range p.Identifier {
		s += i.xml("identifier")
	}
	s += `<status value="` + p.Status + `"/>` + p.Subject.xml("subject") + p.Custodian.xml("custodian")
	for _, rel := range p.RelatesTo {
		s += `<relatesTo><code value="` + rel.Code + `"/>` + rel.Target.xml("target") + "</relatesTo>"
	}
	return s + "</DocumentReference>"
}

// xmlResource is a simResource in XML.
type xmlResource struct {
	ID        simValue   `xml:"id"`
	VersionID simValue   `xml:"meta>versionId"`
	Master    *xmlIdent  `xml:"masterIdentifier"`
	Plain     []xmlIdent `xml:"identifier"`
	Status    simValue   `xml:"status"`
	Subject   simValue   `xml:"subject>reference"`
	Custodian simValue   `xml:"custodian>reference"`
	RelatesTo []struct {
		Code       simValue  `xml:"code"`
		Reference  simValue  `xml:"target>reference"`
		Identifier *xmlIdent `xml:"target>identifier"`
	} `xml:"relatesTo"`
}

type xmlIdent struct {
	System simValue `xml:"system"`
	Value  simValue `xml:"value"`
}

func (i *xmlIdent) plain() *simIdentifier {
	if i == nil {
		return nil
	}
	return &simIdentifier{i.System.Value, i.Value.Value}
}

func (x *xmlResource) plain() *simResource {
	p := &simResource{ID: x.ID.Value, Meta: simMeta{x.VersionID.Value}, Type: "DocumentReference", Master: x.Master.plain(), Status: x.Status.Value,
		Subject: simReference{Reference: x.Subject.Value}, Custodian: simReference{Reference: x.Custodian.Value}}
	for _, i := range x.Plain {
		p.Identifier = append(p.Identifier, *i.plain())
	}
	for _, rel := range x.RelatesTo {
		p.RelatesTo = append(p.RelatesTo, simRelation{rel.Code.Value, simReference{rel.Reference.Value, rel.Identifier.plain()}})
	}
	return p
}

func readSim(contentType string, body []byte) (*simResource, error) {
	if strings.Contains(contentType, "xml") {
		x := new(xmlResource)
		err := xml.Unmarshal(body, x)
		return x.plain(), err
	}
	p := new(simResource)
	return p, json.Unmarshal(body, p)
}
