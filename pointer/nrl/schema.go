// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"strings"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// definitions are FHIR's of a DocumentReference and of what is in it: of each
// type the elements in the order of XML, each with its type. * is a list, /3 or /4
// an element of STU3 or of R4 alone. Each type has id and extension besides, the
// first two, but for the resource. Element is what a primitive may have besides
// its value. What is left out is not stored: modifierExtension, implicitRules and
// contained, which change what the rest means or are pointers that no guard has
// judged.
const definitions = `
DocumentReference meta:Meta language:code text:Narrative extension:Extension* masterIdentifier:Identifier identifier:Identifier* status:code docStatus:code type:CodeableConcept
	class:CodeableConcept/3 category:CodeableConcept*/4 subject:Reference created:dateTime/3 indexed:instant/3 date:instant/4 author:Reference*
	authenticator:Reference custodian:Reference relatesTo:RelatesTo* description:string securityLabel:CodeableConcept* content:Content* context:Context
Narrative status:code div:xhtml
Element
Meta versionId:id lastUpdated:instant source:uri/4 profile:uri* security:Coding* tag:Coding*
Identifier use:use type:CodeableConcept system:uri value:string period:Period assigner:Reference
CodeableConcept coding:Coding* text:string
Coding system:uri version:string code:code display:string userSelected:boolean
Reference reference:string type:typeName/4 identifier:Identifier display:string
Period start:dateTime end:dateTime
RelatesTo code:code target:Reference
Content attachment:Attachment format:Coding
Attachment contentType:mediaType language:code data:base64Binary url:recordURL size:unsignedInt hash:base64Binary title:string creation:dateTime
Context encounter:Reference/3 encounter:Reference*/4 event:CodeableConcept* period:Period facilityType:CodeableConcept
	practiceSetting:CodeableConcept sourcePatientInfo:Reference related:Related*/3 related:Reference*/4
Related identifier:Identifier ref:Reference
Extension valueBase64Binary:base64Binary valueBoolean:boolean valueCode:code valueDate:date valueDateTime:dateTime valueDecimal:decimal valueId:id
	valueInstant:instant valueInteger:integer valuePositiveInt:positiveInt valueString:string valueUnsignedInt:unsignedInt valueUri:uri
	valueAttachment:Attachment valueCodeableConcept:CodeableConcept valueCoding:Coding valueIdentifier:Identifier valuePeriod:Period valueReference:Reference`

// A member is one element of a type.
type member struct {
	name, kind string
	list       bool
	edition    byte // '3', '4', or zero: both
}

// schema has the members of each complex type.
var schema = sync.OnceValue(func() map[string][]member {
	types := map[string][]member{}
	name := ""
	for _, word := range strings.Fields(definitions) {
		element, kind, typed := strings.Cut(word, ":")
		if !typed {
			name = word
			types[name] = []member{{name: "id", kind: "string"}, {name: "extension", kind: "Extension", list: true}}
			if name == fhirpath.DocumentReference {
				types[name] = types[name][:1]
			}
			if name == "Extension" {
				types[name] = append(types[name], member{name: "url", kind: "uri"})
			}
			continue
		}
		m := member{name: element}
		var edition string
		kind, edition, _ = strings.Cut(kind, "/")
		if edition != "" {
			m.edition = edition[0]
		}
		m.kind, m.list = strings.CutSuffix(kind, "*")
		types[name] = append(types[name], m)
	}
	return types
})

// memberOf returns the member of a type in an edition, and its place.
func memberOf(kind, name string, edition byte) (member, int, bool) {
	for i, m := range schema()[kind] {
		if m.name == name && (m.edition == 0 || m.edition == edition) {
			return m, i, true
		}
	}
	return member{}, 0, false
}
