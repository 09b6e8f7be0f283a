// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"io"
	"strings"
)

// marks say the severity without colour, for print and for readers who see none.
var marks = [...]string{Conformant: "ok", NotAsked: "-", Undecided: "?", Advice: "!", Departure: "X"}

func (s Severity) mark() string {
	if s > 0 && int(s) < len(marks) {
		return marks[s]
	}
	return "?"
}

// WriteText writes the report as a table no wider than width, which is at least
// 40: what was asked, what was found, and the remedy below it.
func (r *Report) WriteText(w io.Writer, width int) error {
	width = max(width, 40)
	out := new(strings.Builder)
	fmt.Fprintf(out, "%s %s: %v\n", r.Role, printable(r.Address), r.Verdict())
	subjects := 0
	for _, f := range r.Findings {
		subjects = max(subjects, len([]rune(f.Subject)))
	}
	subjects = min(subjects, width/3)
	clause := ""
	for _, f := range r.Findings {
		if f.Clause != clause {
			clause = f.Clause
			fmt.Fprintf(out, "\n%s\n", fold(clause, width, ""))
		}
		lines := strings.Split(fold(printable(f.Found), width-subjects-7, ""), "\n")
		if f.Remedy != "" && f.Severity != Conformant {
			lines = append(lines, strings.Split(fold("-> "+f.Remedy, width-subjects-7, "   "), "\n")...)
		}
		names := strings.Split(fold(printable(f.Subject), subjects, ""), "\n")
		for i := range max(len(lines), len(names)) {
			mark, name, line := "", "", ""
			if i == 0 {
				mark = f.Severity.mark()
			}
			if i < len(names) {
				name = names[i]
			}
			if i < len(lines) {
				line = lines[i]
			}
			fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("  %-2s %s  %s", mark, pad(name, subjects), line), " "))
		}
	}
	fmt.Fprintf(out, "\nok conformant   X departure   ! advice   ? undecided   - not asked\n")
	_, err := io.WriteString(w, out.String())
	return err
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len([]rune(s))))
}

// fold breaks s at blanks so that no line is longer than width; words that are
// longer are cut.
func fold(s string, width int, indent string) string {
	width = max(width, 12)
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for len([]rune(word)) > width-len(indent) {
			if line != "" {
				lines = append(lines, line)
			}
			runes := []rune(word)
			lines, word, line = append(lines, string(runes[:width-len(indent)])), string(runes[width-len(indent):]), indent
			line = strings.TrimSpace(line)
		}
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), indent+word
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// printable replaces what a peer could use to move about on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, s)
}
