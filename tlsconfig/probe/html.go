// SPDX-License-Identifier: Apache-2.0

package probe

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"mark": Severity.mark,
	"sections": func(r *Report) (sections []section) {
		for _, f := range r.Findings {
			if len(sections) == 0 || sections[len(sections)-1].Clause != f.Clause {
				sections = append(sections, section{Clause: f.Clause})
			}
			last := &sections[len(sections)-1]
			last.Findings = append(last.Findings, f)
		}
		return sections
	},
	"count": func(r *Report, name string) (n int) {
		for _, f := range r.Findings {
			if f.Severity.String() == name {
				n++
			}
		}
		return n
	},
	"printable": printable,
}).Parse(page))

type section struct {
	Clause   string
	Findings []Finding
}

// WriteHTML writes the report as one page that stands alone: it runs no script,
// fetches nothing, and can be read on a phone, in print and without colour.
func (r *Report) WriteHTML(w io.Writer) error { return pageTemplate.Execute(w, r) }
