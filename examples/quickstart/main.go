// SPDX-License-Identifier: Apache-2.0

// Quickstart shows the whole way of a request, good and bad, on loopback: it
// makes a Spine in memory, starts an NRL-like server, a provider and the Spine
// Secure Proxy (SSP), sends them requests and prints for each what was sent,
// what was answered and which rule decided. The exit status is 0 only if each
// was answered as it should be.
package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()

	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tSENT\tANSWERED\tDECIDED BY")
	wrong := 0
	for i, s := range w.scenes() {
		got := s.play()
		verdict := ""
		if got.answer != s.answer || got.rule != s.rule {
			verdict = fmt.Sprintf("\tWRONG: should be %s, decided by %s", s.answer, s.rule)
			wrong++
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s%s\n", i+1, s.sent, got.answer, got.rule, verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d CRLs and OCSP answers were fetched over HTTP on the way.\n", w.pki.Authority.Requests())
	if wrong > 0 {
		return fmt.Errorf("%d requests were not answered as they should be", wrong)
	}
	return nil
}
