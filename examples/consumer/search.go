// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer/search"
)

// patientSearch is what -nrl asks for.
type patientSearch struct {
	nrl, self, nhsNumber, retrieve string
}

// run prints the pointers of a patient, and retrieves the records that were asked
// for by fetch.
func (s *patientSearch) run(ctx context.Context, t asid.Transport, stdout, stderr io.Writer, fetch func(context.Context, string) error) error {
	base, err := url.Parse(s.nrl)
	if err != nil {
		return fmt.Errorf("-nrl: %w", err)
	}
	if t.To, err = asid.ParseID(s.self); err != nil {
		return fmt.Errorf("-nrl-asid: %w", err)
	}
	t.SSP, t.Protocol, t.Interaction = nil, asid.NRL, asid.DocumentReferenceSearch
	client := &search.Client{Base: base, HTTP: &http.Client{
		Transport: &asid.Retry{Base: &t}, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	pointers, err := client.Pointers(ctx, search.Query{NHSNumber: s.nhsNumber})
	if err != nil {
		return err
	}
	rows := rowsOf(pointers)
	if err := table(stdout, rows, columns(stdout)); err != nil {
		return err
	}
	return s.records(ctx, rows, stderr, fetch)
}

// A row is one record of one pointer.
type row struct{ number, kind, custodian, format, url, pointer string }

func rowsOf(pointers []search.Pointer) []row {
	var rows []row
	for _, p := range pointers {
		for _, c := range p.Contents {
			format := c.Format
			if format == "" {
				format = c.ContentType
			}
			rows = append(rows, row{strconv.Itoa(len(rows) + 1), p.Type, p.Custodian.String(), format, c.URL, p.ID})
		}
	}
	return rows
}

// columns returns the width of the terminal that w is, or zero if it is none or its
// width is not known. The variable COLUMNS says it for it.
func columns(w io.Writer) int {
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		return max(width, 0)
	}
	if file, ok := w.(*os.File); ok {
		return terminalWidth(file)
	}
	return 0
}

// table writes the rows. Where the terminal is too narrow for them, types and formats
// are cut and each URL has a line of its own. URLs are never cut, and nothing is where
// the width is not known, as in a file.
func table(w io.Writer, rows []row, width int) error {
	whole := lines(rows, 0, true)
	if width > 0 && slices.ContainsFunc(whole, func(line string) bool { return utf8.RuneCountInString(line) > width }) {
		// Beside them are the number, the custodian and the gaps.
		whole = lines(rows, max((width-18)/2, 8), false)
		for i, r := range rows {
			whole[1+i] += "\n   " + printable(r.url)
		}
	}
	_, err := io.WriteString(w, strings.Join(whole, "\n")+"\n")
	return err
}

// lines returns the lines of the table, with types and formats of at most so many
// characters.
func lines(rows []row, most int, urls bool) []string {
	var text strings.Builder
	tw := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := func(number, kind, custodian, format, url string) {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s", number, short(kind, most), custodian, short(format, most))
		if urls {
			fmt.Fprintf(tw, "\t%s", url)
		}
		fmt.Fprintln(tw)
	}
	line("#", "TYPE", "CUSTODIAN", "FORMAT", "URL")
	for _, r := range rows {
		line(r.number, r.kind, r.custodian, r.format, printable(r.url))
	}
	_ = tw.Flush() // a Builder takes everything
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
}

// short cuts a text to so many characters, if most is not zero.
func short(s string, most int) string {
	s = printable(s)
	if most == 0 || utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// printable takes out what would do something to a terminal, or to the table.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if strconv.IsPrint(c) {
			return c
		}
		return -1
	}, s)
}

// records retrieves the records that -retrieve names.
func (s *patientSearch) records(ctx context.Context, rows []row, stderr io.Writer, fetch func(context.Context, string) error) error {
	switch s.retrieve {
	case "":
		return nil
	case "all":
	default:
		n, err := strconv.Atoi(s.retrieve)
		if err != nil || n < 1 || n > len(rows) {
			return fmt.Errorf("-retrieve: %q is neither all nor the number of one of %d records", s.retrieve, len(rows))
		}
		rows = rows[n-1 : n]
	}
	for i, r := range rows {
		if i > 0 {
			fmt.Fprintln(stderr) // a record need not end its last line
		}
		fmt.Fprintf(stderr, "record %d of %d: %s\n", i+1, len(rows), printable(r.url))
		about := asid.WithSubject(ctx, asid.Subject{Pointer: r.pointer, NHSNumber: s.nhsNumber})
		if err := fetch(about, r.url); err != nil {
			return fmt.Errorf("record %s: %w", r.number, err)
		}
	}
	return nil
}
