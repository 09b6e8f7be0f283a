// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// metrics serves /metrics in Prometheus's text format, under the names of
// examples/metrics and without its library, and /readyz.
func (d *daemon) metrics() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		d.writeMetrics(w)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if missing := d.missing(); len(missing) > 0 {
			http.Error(w, strings.Join(missing, "\n"), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}

// missing returns what keeps a file from being complete, or a certificate from being
// looked up.
func (d *daemon) missing() (texts []string) {
	for _, k := range d.keepers {
		if s := k.State(); !s.Complete {
			texts = append(texts, append([]string{k.File + " is not complete and current"}, problems(s)...)...)
		}
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.pinned.ask(now, d.crls); err != nil {
		texts = append(texts, err.Error())
	}
	return texts
}

// A metric is what is told of one thing, by its labels.
type metric struct {
	name, help string
	values     map[string]float64
}

// label writes labels as the text format has them.
func label(namesAndValues ...string) string {
	var b strings.Builder
	for i := 0; i < len(namesAndValues); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(namesAndValues[i+1], "?"))
		fmt.Fprintf(&b, `%s="%s"`, namesAndValues[i], value)
	}
	return b.String()
}

func (d *daemon) writeMetrics(w io.Writer) {
	var all []metric
	gauge := func(name, help string) map[string]float64 {
		values := map[string]float64{}
		all = append(all, metric{name, help, values})
		return values
	}
	state := d.crls.State()
	nextUpdate := gauge("nrl_revocation_crl_next_update_seconds", "When the CRL that decides runs out; 0: it names no time.")
	thisUpdate := gauge("nrl_revocation_crl_this_update_seconds", "When the CRL that decides was issued.")
	entries := gauge("nrl_revocation_crl_entries", "Entries of the CRL that decides.")
	lists := slices.DeleteFunc(state.Lists, func(l revocation.ListState) bool { return !l.Decides })
	// Of two with the same labels, that which runs out first is told of.
	slices.SortFunc(lists, func(a, b revocation.ListState) int { return b.NextUpdate.Compare(a.NextUpdate) })
	for _, l := range lists {
		of := label("issuer", l.Issuer, "scope", l.Scope, "source", l.Source, "delta", map[bool]string{true: "yes", false: "no"}[l.Delta])
		nextUpdate[of], thisUpdate[of], entries[of] = seconds(l.NextUpdate), seconds(l.ThisUpdate), float64(l.Entries)
	}
	gauge("nrl_revocation_unverified", "Documents whose signer is not known yet.")[label("kind", "crl")] = float64(state.Unverified)
	oldest := gauge("nrl_revocation_look_oldest_seconds", "When what was looked after longest ago last was; 0: never.")
	failing := gauge("nrl_revocation_looks_failing", "Looks of which the last attempt failed.")
	for _, look := range state.Looks {
		of := label("kind", "crl", "url", look.URL)
		if before, ok := oldest[of]; !ok || seconds(look.Last) < before {
			oldest[of] = seconds(look.Last)
		}
		failing[of] += truth(look.Err != nil)
	}
	complete := gauge("nrl_terminator_file_complete", "1: the file is complete and current, and the program has been told.")
	written := gauge("nrl_terminator_file_written_seconds", "When the file was last written; 0: not by this process.")
	told := gauge("nrl_terminator_file_told_seconds", "When the program last took the file; 0: not by this process.")
	octets := gauge("nrl_terminator_file_octets", "Size of the file.")
	wrong := gauge("nrl_terminator_file_problems", "Problems of the file, by kind.")
	for _, k := range d.keepers {
		s := k.State()
		of := label("program", string(k.Program), "file", k.File)
		complete[of], written[of], told[of], octets[of] = truth(s.Complete), seconds(s.Written), seconds(s.Told), float64(s.Size)
		for _, p := range s.Problems {
			wrong[of+","+label("kind", string(p.Kind))]++
		}
	}
	for _, m := range all {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
		labels := make([]string, 0, len(m.values))
		for of := range m.values {
			labels = append(labels, of)
		}
		slices.Sort(labels)
		for _, of := range labels {
			fmt.Fprintf(w, "%s{%s} %.3f\n", m.name, of, m.values[of])
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
