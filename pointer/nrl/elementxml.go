// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
)

func parseXML(body []byte) (*element, error) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	var open []*element
	for {
		from := dec.InputOffset()
		tok, err := dec.Token()
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if tok.Name.Local == "div" && len(open) == 2 && open[1].name == "text" { // of the narrative: its markup is its value
				if err := dec.Skip(); err != nil {
					return nil, err
				}
				open[1].children = append(open[1].children, text("div", string(body[from:dec.InputOffset()])))
				continue
			}
			if !isName(tok.Name.Local) {
				return nil, errForm
			}
			e := group(tok.Name.Local)
			if err := e.attributes(tok.Attr, len(open) == 0); err != nil {
				return nil, err
			}
			if len(open) > 0 {
				parent := open[len(open)-1]
				if isAttribute(parent.name, len(open) == 1, e.name) {
					return nil, errForm
				}
				parent.children = append(parent.children, e)
			}
			open = append(open, e)
		case xml.EndElement:
			last := open[len(open)-1]
			if last.value == "" && len(last.children) == 0 {
				return nil, errForm
			}
			if len(open) == 1 {
				return last, nil
			}
			open = open[:len(open)-1]
		}
	}
}

// attributes makes elements of the attributes that JSON has as members; root says
// that e is the resource.
func (e *element) attributes(attrs []xml.Attr, root bool) error {
	for _, a := range attrs {
		switch a.Name.Local {
		case "xmlns":
		case "value":
			e.value = a.Value
		case "id", "url":
			if !isAttribute(e.name, root, a.Name.Local) {
				return errForm
			}
			e.children = append(e.children, text(a.Name.Local, a.Value))
		default:
			return errForm
		}
	}
	return nil
}

// isAttribute tells the children that XML has as attributes.
func isAttribute(parent string, root bool, name string) bool {
	return name == "id" && !root || name == "url" && parent == "extension"
}

func (e *element) writeXML(b *bytes.Buffer, parent, namespace string) {
	if e.name == "div" && parent == "text" {
		b.WriteString(e.value) // markup, which fhir.IsNarrative has let pass
		return
	}
	root := namespace != "" || parent == "resource"
	fmt.Fprintf(b, "<%s%s", e.name, namespace)
	var inside []*element
	for _, c := range e.children {
		if len(c.children) == 0 && isAttribute(e.name, root, c.name) {
			writeAttribute(b, c.name, c.value)
		} else {
			inside = append(inside, c)
		}
	}
	if e.value != "" {
		writeAttribute(b, "value", e.value)
	}
	if len(inside) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	for _, c := range inside {
		c.writeXML(b, e.name, "")
	}
	fmt.Fprintf(b, "</%s>", e.name)
}

func writeAttribute(b *bytes.Buffer, name, value string) {
	b.WriteString(" " + name + `="`)
	// It escapes white space, too.
	_ = xml.EscapeText(b, []byte(value)) // a Buffer takes everything
	b.WriteByte('"')
}
