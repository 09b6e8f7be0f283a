// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"strings"
	"testing"
)

func TestBodiesAreRefusedInJSON(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, d document) document{
		"a name with an escape": func(t *testing.T, d document) document { return d.rename(t, "custodian", `\u0063ustodian`) },
		"the same name, once with an escape": func(t *testing.T, d document) document {
			return d.before(t, "custodian", `"\u0063ustodian":{"reference":"`+odsURL+`RX1"}`, "")
		},
		"a name twice, far from the custodian": func(t *testing.T, d document) document {
			return d.replace(t, `"display": "Care plan"`, `"display": "Care plan","display": "Other plan"`, "", "")
		},
		"a name twice, once with an escape, far from the custodian": func(t *testing.T, d document) document {
			return d.replace(t, `"display": "Care plan"`, `"display": "Care plan","d\u0069splay": "Other plan"`, "", "")
		},
		"a custodian that is null":   func(t *testing.T, d document) document { return d.custodian(t, `null`, "") },
		"a custodian that is a text": func(t *testing.T, d document) document { return d.custodian(t, `"`+odsURL+`A81001"`, "") },
		"a custodian that is an array": func(t *testing.T, d document) document {
			return d.custodian(t, `[{"reference":"`+odsURL+`A81001"}]`, "")
		},
		"a reference that is a number": func(t *testing.T, d document) document { return d.custodian(t, `{"reference":81001}`, "") },
		"a reference that is null":     func(t *testing.T, d document) document { return d.custodian(t, `{"reference":null}`, "") },
		"a reference that is an array": func(t *testing.T, d document) document {
			return d.custodian(t, `{"reference":["`+odsURL+`A81001"]}`, "")
		},
		"half a surrogate pair": func(t *testing.T, d document) document {
			return d.custodian(t, `{"reference":"`+odsURL+`A81001\ud800"}`, "")
		},
		"half a surrogate pair elsewhere": func(t *testing.T, d document) document { return d.replace(t, "Care plan", `Care \udfff plan`, "", "") },
		"a NUL in the code": func(t *testing.T, d document) document {
			return d.custodian(t, `{"reference":"`+odsURL+`A81001\u0000"}`, "")
		},
		"a relatesTo that is an object": func(t *testing.T, d document) document {
			return d.with(t, "relatesTo", `"relatesTo": {"code":"replaces"}`, "")
		},
		"a relatesTo that is an empty array": func(t *testing.T, d document) document { return d.with(t, "relatesTo", `"relatesTo": []`, "") },
		"a relatesTo with a null":            func(t *testing.T, d document) document { return d.with(t, "relatesTo", `"relatesTo": [null]`, "") },
		"a comment":                          func(t *testing.T, d document) document { d.text = "/* x */" + d.text; return d },
		"a trailing comma":                   func(t *testing.T, d document) document { return d.replace(t, "\n}", ",\n}", "", "") },
		"an array around it":                 func(t *testing.T, d document) document { d.text = "[" + d.text + "]"; return d },
		"no resource type": func(t *testing.T, d document) document {
			return d.replace(t, `"resourceType": "DocumentReference",`, "", "", "")
		},
		"a resource type in capitals": func(t *testing.T, d document) document {
			return d.replace(t, `"resourceType"`, `"ResourceType"`, "", "")
		},
		"UTF-16": func(t *testing.T, d document) document {
			var wide strings.Builder
			for _, b := range []byte(d.text) {
				wide.Write([]byte{b, 0})
			}
			d.text = wide.String()
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []string{"stu3", "r4"} {
				d := change(t, load(t, "supersede-both", version, "json"))
				_, err := d.parse()
				assertRule(t, err, bodyRules...)
			}
		})
	}
}

func TestBodiesAreRefusedInXML(t *testing.T) {
	t.Parallel()
	const own = `<reference value="` + odsURL + `A81001"/>`
	head := `<?xml version="1.0" encoding="UTF-8"?>`
	for name, change := range map[string]func(t *testing.T, d document) document{
		"a document type": func(t *testing.T, d document) document {
			return d.replace(t, "", "", head, head+`<!DOCTYPE DocumentReference>`)
		},
		"an entity of its own": func(t *testing.T, d document) document {
			d = d.custodian(t, "", `<reference value="&own;"/>`)
			return d.replace(t, "", "", head, head+`<!DOCTYPE DocumentReference [<!ENTITY own "`+odsURL+`A81001">]>`)
		},
		"an unknown entity": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference value="`+odsURL+`A81001&nbsp;"/>`)
		},
		"a processing instruction": func(t *testing.T, d document) document { return d.custodian(t, "", `<?x y?>`+own) },
		"a second XML declaration": func(t *testing.T, d document) document { return d.replace(t, "", "", head, head+head) },
		"a late XML declaration":   func(t *testing.T, d document) document { d.text = "\n" + d.text; return d },
		"another version of XML":   func(t *testing.T, d document) document { return d.replace(t, "", "", `version="1.0"`, `version="1.1"`) },
		"another encoding":         func(t *testing.T, d document) document { return d.replace(t, "", "", `UTF-8`, `UTF-16`) },
		"another encoding in hiding": func(t *testing.T, d document) document {
			return d.replace(t, "", "", ` encoding="UTF-8"`, ` xencoding="UTF-8" encoding="UTF-7"`)
		},
		"a CDATA section":                  func(t *testing.T, d document) document { return d.custodian(t, "", `<![CDATA[ ]]>`+own) },
		"invalid UTF-8 in a comment":       func(t *testing.T, d document) document { return d.custodian(t, "", "<!-- \xa5 -->"+own) },
		"a control character in a comment": func(t *testing.T, d document) document { return d.custodian(t, "", "<!-- \x04 -->"+own) },
		"two hyphens in a comment":         func(t *testing.T, d document) document { return d.custodian(t, "", "<!-- -- -->"+own) },
		"text in the custodian":            func(t *testing.T, d document) document { return d.custodian(t, "", `RX1`+own) },
		"text in the root":                 func(t *testing.T, d document) document { return d.before(t, "custodian", "", "RX1") },
		"a prefix on the root": func(t *testing.T, d document) document {
			d.text = strings.NewReplacer("<DocumentReference xmlns=", "<f:DocumentReference xmlns:f=", "</D", "</f:D").Replace(d.text)
			return d
		},
		"a prefix on the custodian": func(t *testing.T, d document) document {
			d = d.rename(t, "custodian", "f:custodian")
			return d.replace(t, "", "", "xmlns=", `xmlns:f="http://hl7.org/fhir" xmlns=`)
		},
		"a prefix that is declared nowhere": func(t *testing.T, d document) document { return d.rename(t, "custodian", "f:custodian") },
		"a prefix that is empty":            func(t *testing.T, d document) document { return d.rename(t, "custodian", ":custodian") },
		"a custodian of another namespace besides": func(t *testing.T, d document) document {
			return d.before(t, "custodian", "", `<custodian xmlns="https://x.example"><reference value="`+odsURL+`RX1"/></custodian>`)
		},
		"a custodian without a namespace": func(t *testing.T, d document) document {
			return d.replace(t, "", "", "<custodian>", `<custodian xmlns="">`)
		},
		"a root of another namespace": func(t *testing.T, d document) document {
			return d.replace(t, "", "", "http://hl7.org/fhir", "http://hl7.org/v3")
		},
		"a root without a namespace, and one with": func(t *testing.T, d document) document {
			d = d.replace(t, "", "", ` xmlns="http://hl7.org/fhir"`, "")
			return d.replace(t, "", "", "<custodian>", `<custodian xmlns="http://hl7.org/fhir">`)
		},
		"a prefix that is never used": func(t *testing.T, d document) document {
			return d.replace(t, "", "", "xmlns=", `xmlns:x="urn:x" xmlns=`)
		},
		"an attribute with a prefix": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference xml:base="https://x.example/" value="`+odsURL+`A81001"/>`)
		},
		"a value twice": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference value="`+odsURL+`A81001" value="`+odsURL+`RX1"/>`)
		},
		"a value in capitals besides": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference value="`+odsURL+`A81001" Value="`+odsURL+`RX1"/>`)
		},
		"a value on the custodian": func(t *testing.T, d document) document {
			return d.replace(t, "", "", "<custodian>", `<custodian value="RX1">`)
		},
		"a value as text": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference>`+odsURL+`A81001</reference>`)
		},
		"a value and text": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference value="`+odsURL+`A81001">`+odsURL+`RX1</reference>`)
		},
		"a value and a child": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference value="`+odsURL+`A81001"><id value="x"/></reference>`)
		},
		"a value with a NUL": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference value="`+odsURL+`A81001&#0;"/>`)
		},
		"a value with half a surrogate": func(t *testing.T, d document) document {
			return d.custodian(t, "", `<reference value="`+odsURL+`A81001&#xD800;"/>`)
		},
		"a value with a tab": func(t *testing.T, d document) document {
			return d.custodian(t, "", "<reference value=\"\t"+odsURL+"A81001\"/>")
		},
		"elements that overlap":      func(t *testing.T, d document) document { return d.custodian(t, "", own+`</custodian><custodian>`) },
		"elements that do not match": func(t *testing.T, d document) document { return d.replace(t, "", "", "</custodian>", "</Custodian>") },
		"a custodian inside the author": func(t *testing.T, d document) document {
			return d.with(t, "author", "", `<author><custodian>`+own+`</custodian></author>`)
		},
		"a custodian inside the content": func(t *testing.T, d document) document {
			return d.replace(t, "", "", "<attachment>", `<custodian>`+own+`</custodian><attachment>`)
		},
		"a custodian inside the narrative": func(t *testing.T, d document) document {
			return d.before(t, "status", "", `<text><div xmlns="http://www.w3.org/1999/xhtml"><custodian/></div></text>`)
		},
		"a narrative of another namespace": func(t *testing.T, d document) document {
			return d.before(t, "status", "", `<text><div xmlns="http://www.w3.org/1999/html"/></text>`)
		},
		"FHIR again inside the narrative": func(t *testing.T, d document) document {
			return d.before(t, "status", "", `<text><div xmlns="http://www.w3.org/1999/xhtml"><p xmlns="http://hl7.org/fhir"/></div></text>`)
		},
		"a narrative outside the text": func(t *testing.T, d document) document {
			return d.before(t, "status", "", `<description><div xmlns="http://www.w3.org/1999/xhtml"/></description>`)
		},
		"an attribute twice, far from the custodian": func(t *testing.T, d document) document {
			return d.replace(t, "", "", `<display value="Care plan"/>`, `<display value="Care plan" value="Other plan"/>`)
		},
		"more attributes than any element has": func(t *testing.T, d document) document {
			many := ""
			for _, c := range "abcdefghijklmnopq" {
				many += " " + string(c) + `="x"`
			}
			return d.replace(t, "", "", `<display value="Care plan"/>`, `<display`+many+`/>`)
		},
		"an element after the root": func(t *testing.T, d document) document { d.text += "<!-- --><custodian/>"; return d },
		"text after the root":       func(t *testing.T, d document) document { d.text += "x"; return d },
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []string{"stu3", "r4"} {
				d := change(t, load(t, "supersede-both", version, "xml"))
				_, err := d.parse()
				assertRule(t, err, bodyRules...)
			}
		})
	}
}
