// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// A node is an element of JSON or XML that can be changed into what no writer
// would write.
type node struct {
	name     string // as it is written, escapes and prefix included
	kind     byte   // of JSON: { [ or " for a text, 0 for anything else; of XML: <
	text     string // of a text, or what is written for anything else
	attrs    [][2]string
	children []*node
}

func (n *node) clone() *node {
	c := *n
	c.attrs = append([][2]string(nil), n.attrs...)
	c.children = nil
	for _, child := range n.children {
		c.children = append(c.children, child.clone())
	}
	return &c
}

// all lists n and what is below it.
func (n *node) all() []*node {
	list := []*node{n}
	for _, c := range n.children {
		list = append(list, c.all()...)
	}
	return list
}

func (n *node) find(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (n *node) insert(r *rand.Rand, c *node) {
	i := r.IntN(len(n.children) + 1)
	n.children = append(n.children[:i:i], append([]*node{c}, n.children[i:]...)...)
}

func treeOf(t testing.TB, d document) *node {
	t.Helper()
	if d.format == "json" {
		n, err := jsonTree(jsontext.NewDecoder(strings.NewReader(d.text)))
		require.NoError(t, err)
		return n
	}
	n, err := xmlTree(xml.NewDecoder(strings.NewReader(d.text)))
	require.NoError(t, err)
	return n
}

func jsonTree(dec *jsontext.Decoder) (*node, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	n := &node{kind: byte(tok.Kind())}
	switch tok.Kind() {
	case '{', '[':
		for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
			name := ""
			if n.kind == '{' {
				key, err := dec.ReadToken()
				if err != nil {
					return nil, err
				}
				name = key.String()
			}
			child, err := jsonTree(dec)
			if err != nil {
				return nil, err
			}
			child.name = name
			n.children = append(n.children, child)
		}
		_, err = dec.ReadToken()
	case '"':
		n.text = tok.String()
	default:
		n.kind, n.text = 0, tok.String()
	}
	return n, err
}

func xmlTree(dec *xml.Decoder) (*node, error) {
	var open []*node
	for {
		tok, err := dec.RawToken()
		if err != nil { // io.EOF, too: the document ends at its root's end
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{name: tok.Name.Local, kind: '<'}
			for _, a := range tok.Attr {
				n.attrs = append(n.attrs, [2]string{a.Name.Local, a.Value})
			}
			if len(open) > 0 {
				open[len(open)-1].children = append(open[len(open)-1].children, n)
			}
			open = append(open, n)
		case xml.EndElement:
			if len(open) == 1 {
				return open[0], nil
			}
			open = open[:len(open)-1]
		}
	}
}

// write writes n with random white space and random ways to write its texts.
func (n *node) write(r *rand.Rand, b *strings.Builder) {
	space := func() {
		if r.IntN(8) == 0 {
			b.WriteString([]string{" ", "\n", "\t", "\r\n"}[r.IntN(4)])
		}
	}
	switch n.kind {
	case '{', '[':
		b.WriteByte(n.kind)
		for i, c := range n.children {
			if i > 0 {
				b.WriteByte(',')
			}
			space()
			if n.kind == '{' {
				b.WriteString(`"` + c.name + `"`)
				space()
				b.WriteByte(':')
				space()
			}
			c.write(r, b)
			space()
		}
		b.WriteByte(n.kind + 2)
	case '"':
		b.WriteByte('"')
		for _, c := range n.text {
			switch {
			case r.IntN(60) == 0 && c < 0x10000:
				fmt.Fprintf(b, `\u%04x`, c)
			case c == '/' && r.IntN(4) == 0:
				b.WriteString(`\/`)
			case c == '"' || c == '\\':
				b.WriteString(`\` + string(c))
			default:
				b.WriteRune(c)
			}
		}
		b.WriteByte('"')
	case '<':
		b.WriteString("<" + n.name)
		for _, a := range n.attrs {
			quote := string("'\""[r.IntN(2)])
			b.WriteString(" " + a[0] + "=" + quote)
			for _, c := range a[1] {
				switch {
				case r.IntN(60) == 0:
					fmt.Fprintf(b, "&#x%X;", c)
				case c == '&' || c == '<' || c == '"' || c == '\'':
					fmt.Fprintf(b, "&#%d;", c)
				default:
					b.WriteRune(c)
				}
			}
			b.WriteString(quote)
		}
		if len(n.children) == 0 && n.text == "" && r.IntN(4) > 0 {
			b.WriteString("/>")
			return
		}
		b.WriteString(">" + n.text)
		for _, c := range n.children {
			space()
			if r.IntN(40) == 0 {
				b.WriteString("<!-- custodian -->")
			}
			c.write(r, b)
		}
		space()
		b.WriteString("</" + n.name + ">")
	default:
		b.WriteString(n.text)
	}
}

// other is the organisation that a mutation tries to smuggle in.
const other = "RX1"

func theirs(n *node) *node {
	c := n.clone()
	for _, x := range c.all() {
		x.text = strings.ReplaceAll(x.text, "A81001", other)
		for i := range x.attrs {
			x.attrs[i][1] = strings.ReplaceAll(x.attrs[i][1], "A81001", other)
		}
	}
	return c
}

// recase writes a name in another way that a lenient reader may take for it.
func recase(r *rand.Rand, name string) string {
	if name == "" {
		return name
	}
	switch r.IntN(8) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return strings.ToUpper(name[:1]) + name[1:]
	case 2:
		return strings.Replace(name, "s", "ſ", 1)
	case 3:
		return "_" + name
	case 4:
		return name + " "
	case 5:
		return fmt.Sprintf(`\u%04x`, name[0]) + name[1:]
	case 6:
		i := r.IntN(len(name))
		return name[:i] + "-" + name[i:]
	default:
		i := r.IntN(len(name))
		return name[:i] + strings.ToUpper(name[i:i+1]) + name[i+1:]
	}
}

// mutateTree changes one thing. What comes out may be harmless.
func mutateTree(r *rand.Rand, root *node) {
	all := root.all()
	at := all[r.IntN(len(all))]
	owner := root.find("custodian")
	if owner == nil || r.IntN(3) == 0 {
		owner = at
	}
	parts := owner.all()
	part := parts[r.IntN(len(parts))]
	switch r.IntN(14) {
	case 0: // another custodian, or part of one, beside the own one
		root.insert(r, theirs(owner))
	case 1: // the same in another case
		c := theirs(owner)
		c.name = recase(r, c.name)
		root.insert(r, c)
	case 2: // somewhere else
		at.insert(r, theirs(owner))
	case 3:
		part.insert(r, theirs(part))
	case 4:
		part.name = recase(r, part.name)
	case 5: // another order, which means nothing
		r.Shuffle(len(at.children), func(i, j int) { at.children[i], at.children[j] = at.children[j], at.children[i] })
	case 6: // nested once more
		c := *part
		part.children = []*node{&c}
	case 7: // another kind of value
		if part.kind == '"' || part.kind == '{' {
			part.kind, part.text = 0, []string{"null", "1", "true", `""`, "[]", "{}", "1e5"}[r.IntN(7)]
		} else if part.kind == '<' {
			part.text = other
		}
	case 8:
		if len(part.attrs) > 0 {
			a := part.attrs[r.IntN(len(part.attrs))]
			part.attrs = append(part.attrs, [2]string{[]string{a[0], recase(r, a[0]), "x:" + a[0]}[r.IntN(3)], strings.ReplaceAll(a[1], "A81001", other)})
		} else if part.kind == '"' {
			part.text += []string{"\u0000", " ", "\ufffd", "\u2028", "/", "\u00a0", "#x", "?x"}[r.IntN(8)]
		}
	case 9: // namespaces
		if part.kind == '<' {
			part.attrs = append(part.attrs, [2]string{[]string{"xmlns", "xmlns:f", "xml:lang"}[r.IntN(3)],
				[]string{"http://hl7.org/fhir", "http://www.w3.org/1999/xhtml", "", "urn:x"}[r.IntN(4)]})
		}
	case 10:
		if part.kind == '<' {
			part.name = []string{"f:", ":", "x:"}[r.IntN(3)] + part.name
		}
	case 11: // gone
		if len(at.children) > 0 {
			i := r.IntN(len(at.children))
			at.children = append(at.children[:i:i], at.children[i+1:]...)
		}
	case 12: // another text, which may be harmless
		if at.kind == '"' {
			at.text = "é€😀 " + at.text
		} else if len(at.attrs) > 0 {
			at.attrs[0][1] = "é€😀 " + at.attrs[0][1]
		}
	case 13:
		if c := root.find("relatesTo"); c != nil && root.find("custodian") != nil {
			c.insert(r, theirs(root.find("custodian")))
		}
	}
}

// mutateText changes what is written.
func mutateText(r *rand.Rand, format, s string) string {
	i := r.IntN(len(s))
	put := func(what string) string { return s[:i] + what + s[i:] }
	switch r.IntN(12) {
	case 0:
		return "\ufeff" + s
	case 1:
		return s + []string{"{}", "<x/>", "\x00", " ", "\n", "x"}[r.IntN(6)]
	case 2:
		return put(string([]byte{byte(r.IntN(256))}))
	case 3:
		return put([]string{`\ud800`, `\u0000`, "\xed\xa0\x80", "\xc0\xaf", "&#0;", "&#xD800;", "&amp;", "&lt;!--", "&nbsp;"}[r.IntN(9)])
	case 4:
		return s[:i]
	case 5:
		return s[:i] + s[min(len(s), i+1+r.IntN(5)):]
	case 6:
		j := min(len(s), i+1+r.IntN(200))
		return s[:j] + s[i:j] + s[j:]
	case 7:
		var wide strings.Builder
		for _, u := range utf16.Encode([]rune(s)) {
			wide.Write([]byte{byte(u), byte(u >> 8)})
		}
		return "\xff\xfe" + wide.String()
	case 8:
		if format == "json" {
			return put([]string{"/* x */", "// x\n", ",", "\v"}[r.IntN(4)])
		}
		return put([]string{"<!-- x -->", "<?x y?>", "<![CDATA[x]]>", "<!DOCTYPE x>"}[r.IntN(4)])
	case 9:
		if format == "xml" {
			return `<!DOCTYPE DocumentReference [<!ENTITY o "` + other + `"><!ATTLIST reference value CDATA "` + other + `">]>` + strings.Replace(s, "A81001", "&o;", 1)
		}
		return strings.Replace(s, "A81001", `\u004181001`, 1)
	case 10:
		if format == "xml" {
			return `<?xml version="1.0" encoding="` + []string{"UTF-8", "utf-8", "UTF-16", "ISO-8859-1", "UTF-7"}[r.IntN(5)] + `"?>` + s
		}
		return " \n" + s
	default:
		return strings.Replace(s, "A81001", []string{"a81001", "A81001 ", "A8\n1001", "A81001&#10;", "RX1"}[r.IntN(5)], 1)
	}
}

// sample is how many of n bodies readers are compared over: in CI all of them, with
// -short the first tenth, and the first half otherwise.
func sample(n int) int {
	switch {
	case testing.Short():
		return n / 10
	case os.Getenv("CI") == "":
		return n / 2
	}
	return n
}

// mutants makes n bodies of the examples, the same ones every time.
func mutants(t testing.TB, format string, n int) []string {
	r := rand.New(rand.NewPCG(1, uint64(len(format))))
	var examples []*node
	for _, name := range []string{"create", "supersede-both"} {
		for _, version := range []string{"stu3", "r4"} {
			examples = append(examples, treeOf(t, load(t, name, version, format)))
		}
	}
	bodies := make([]string, n)
	for i := range bodies {
		root := examples[r.IntN(len(examples))].clone()
		for range r.IntN(3) {
			mutateTree(r, root)
		}
		var b strings.Builder
		root.write(r, &b)
		bodies[i] = b.String()
		for range r.IntN(2) {
			bodies[i] = mutateText(r, format, bodies[i])
		}
	}
	return bodies
}
