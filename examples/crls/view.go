// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A view shows how things stand: to a person as a table, else as records of the log.
type view struct {
	daemon *daemon
	person bool
	said   map[[32]byte]bool // lists that there is a record of
	last   string            // facts that were shown last
}

// A row is a list that decides.
type row struct {
	revocation.List
	name string    // what an operator calls it: the URL, or the CA
	next time.Time // when it is looked after next; zero: it is not
}

func (v *view) rows() (rows []row) {
	looks := v.daemon.crls.Looks()
	for _, l := range v.daemon.crls.Lists(v.daemon.pinned.cas()...) {
		if !l.Decides {
			continue
		}
		r := row{List: l, name: plain(l.Issuer)}
		if len(l.Points) > 0 {
			r.name = plain(l.Points[0])
		}
		for _, look := range looks {
			if l.Of(look.URL) && (r.next.IsZero() || look.Next.Before(r.next)) {
				r.name, r.next = plain(look.URL), look.Next
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// facts returns what there is to show, without what time alone changes.
func (v *view) facts() string {
	var b strings.Builder
	for _, r := range v.rows() {
		fmt.Fprintf(&b, "%x\n", r.Digest())
	}
	for _, k := range v.daemon.keepers {
		s := k.State()
		fmt.Fprintln(&b, s.Complete, s.Written, s.Told, s.Size, problems(s))
	}
	return b.String()
}

// follow shows what changes, until ctx ends.
func (v *view) follow(ctx context.Context) {
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for {
		if facts := v.facts(); facts != v.last {
			v.last = facts
			v.show()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// show shows how things stand.
func (v *view) show() {
	rows := v.rows()
	if v.person {
		v.table(rows)
		return
	}
	said := map[[32]byte]bool{}
	for i := range rows {
		r := &rows[i]
		said[r.Digest()] = true
		if v.said[r.Digest()] {
			continue
		}
		v.daemon.logger.Info("list", "name", r.name, "issuer", r.Issuer, "number", r.Number, "this_update", r.ThisUpdate,
			"next_update", r.NextUpdate, "octets", len(r.DER), "entries", r.Entries, "next_look", r.next)
	}
	v.said = said
	for _, k := range v.daemon.keepers {
		s := k.State()
		if s.File == "" {
			continue // not looked at yet
		}
		attrs := []any{"program", string(k.Program), "file", k.File, "complete", s.Complete, "lists", len(s.Lists), "octets", s.Size}
		if !s.Written.IsZero() {
			attrs = append(attrs, "written", s.Written)
		}
		if !s.Told.IsZero() {
			attrs = append(attrs, "told", s.Told)
		}
		if wrong := problems(s); len(wrong) > 0 {
			attrs = append(attrs, "problems", wrong)
		}
		v.daemon.logger.Info("file", attrs...)
	}
}

// table is what a person sees: a line a list, a line a file, and what is wrong.
func (v *view) table(rows []row) {
	now := time.Now()
	w := tabwriter.NewWriter(v.daemon.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\tsize\tentries\tage\tgood for\tnext look in\n", now.Format(time.TimeOnly))
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", r.name, size(len(r.DER)), r.Entries, span(now.Sub(r.ThisUpdate)), until(r.NextUpdate, now), until(r.next, now))
	}
	w.Flush()
	for _, k := range v.daemon.keepers {
		s := k.State()
		if s.File == "" {
			continue // not looked at yet
		}
		standing := "not complete"
		if s.Complete {
			standing = "complete and current"
		}
		fmt.Fprintf(v.daemon.stdout, "%s: %s, %d lists, %s\n", plain(k.File), standing, len(s.Lists), size(int(s.Size)))
		for _, text := range problems(s) {
			fmt.Fprintln(v.daemon.stdout, "   ", plain(text))
		}
	}
}

func problems(s terminator.KeeperState) (texts []string) {
	for _, p := range s.Problems {
		texts = append(texts, p.Error())
	}
	return texts
}

// waiting shows how many looks have ended, until the function that it returns is called.
func (v *view) waiting() (done func()) {
	if !v.person {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			ended := 0
			looks := v.daemon.crls.Looks()
			for _, look := range looks {
				if !look.Last.IsZero() || look.Err != nil {
					ended++
				}
			}
			fmt.Fprintf(v.daemon.stdout, "\r\x1b[Kasked %d of %d", ended, len(looks))
			select {
			case <-stop:
				fmt.Fprint(v.daemon.stdout, "\r\x1b[K")
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// plain returns a text that a certificate or a server has chosen without what a
// terminal would obey.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func size(octets int) string {
	switch {
	case octets >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(octets)/(1<<20))
	case octets >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(octets)/(1<<10))
	}
	return fmt.Sprintf("%d B", octets)
}

func until(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return span(at.Sub(now))
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "overdue"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
