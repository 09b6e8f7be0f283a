// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
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
	if err := table(stdout, rows, columns()); err != nil {
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

// columns returns the width of the terminal, or zero if it is not known.
func columns() int {
	width, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil {
		return 0
	}
	return width
}

// table writes the rows. Types and formats are cut where the terminal is narrow;
// URLs never are.
func table(w io.Writer, rows []row, width int) error {
	most := 0
	if width > 0 {
		most = max(width/4, 8)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "#\tTYPE\tCUSTODIAN\tFORMAT\tURL")
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.number, short(r.kind, most), r.custodian, short(r.format, most), printable(r.url))
	}
	return tw.Flush()
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
		fmt.Fprintf(stderr, "record %d of %d: %s\n", i+1, len(rows), printable(r.url))
		about := asid.WithSubject(ctx, asid.Subject{Pointer: r.pointer, NHSNumber: s.nhsNumber})
		if err := fetch(about, r.url); err != nil {
			return fmt.Errorf("record %s: %w", r.number, err)
		}
	}
	return nil
}
