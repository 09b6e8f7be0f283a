// SPDX-License-Identifier: Apache-2.0

// Probe finds out by handshakes what a server does, or with -listen a client,
// and compares it with the security guidance of the NRL.
//
//	go run ./examples/probe [-cert FILE -key FILE] [-roots FILE -subcas FILE] [-fqdn NAME] [-crl FILE]... [-fetch]
//	    [-listen] [-json | -html FILE] ADDR
//
// It exits with 0 if the peer is conformant, with 1 if it is not, and with 2 if
// that could not be told. Probe only what you answer for.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

func main() { endpoint.MainStatus(run) }

// The exit statuses.
const (
	conformant = iota
	departs
	undecided
)

type options struct {
	cert, key, roots, subCAs, fqdn string
	crls                           endpoint.List
	fetch, listen, json            bool
	html                           string
	address                        string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return undecided
	}
	var report *probe.Report
	if err == nil {
		report, err = o.probe(ctx, stdout, stderr)
	}
	if err == nil {
		err = o.write(report, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "probe:", err)
		return undecided
	}
	switch report.Verdict() {
	case probe.Conformant:
		return conformant
	case probe.Departure:
		return departs
	}
	return undecided
}

func parse(args []string, stderr io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.cert, "cert", "", "PEM `FILE` of a good certificate and its SubCA: a client's, or with -listen a server's")
	flags.StringVar(&o.key, "key", "", "PEM `FILE` of its key")
	flags.StringVar(&o.roots, "roots", "", "PEM `FILE` of the pinned root CAs")
	flags.StringVar(&o.subCAs, "subcas", "", "PEM `FILE` of the pinned SubCAs")
	flags.StringVar(&o.fqdn, "fqdn", "", "the `NAME` that the peer's certificate must speak for; a server's default is the host of ADDR")
	flags.Var(&o.crls, "crl", "`FILE` of a certificate revocation list; may be repeated")
	flags.BoolVar(&o.fetch, "fetch", false, "fetch CRLs and OCSP answers from where the peer's certificate says")
	flags.BoolVar(&o.listen, "listen", false, "wait at ADDR for a client and report on it")
	flags.BoolVar(&o.json, "json", false, "write JSON")
	flags.StringVar(&o.html, "html", "", "write one HTML page to `FILE`")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() != 1:
		flags.Usage()
		return nil, fmt.Errorf("one ADDR is wanted, %d were given", flags.NArg())
	case (o.cert == "") != (o.key == ""):
		return nil, errors.New("-cert and -key go together")
	case (o.roots == "") != (o.subCAs == ""):
		return nil, errors.New("-roots and -subcas go together")
	case o.roots == "" && (len(o.crls) > 0 || o.fetch):
		return nil, errors.New("-crl and -fetch need -roots and -subcas")
	case o.json && o.html != "":
		return nil, errors.New("-json and -html exclude each other")
	}
	o.address = flags.Arg(0)
	return &o, nil
}

func (o *options) probe(ctx context.Context, stdout, stderr io.Writer) (*probe.Report, error) {
	prober, err := o.prober()
	if err != nil {
		return nil, err
	}
	if endpoint.IsTerminal(stderr) {
		prober.Progress = func(subject string) { fmt.Fprintf(stderr, "\r\x1b[K%.*s", columns()-1, subject) }
		defer fmt.Fprint(stderr, "\r\x1b[K")
	}
	if !o.listen {
		return prober.Server(ctx, o.address)
	}
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stderr, "listening on %v for %d connections of one client or one more; an interrupt ends the wait\n", listener.Addr(), 1+len(prober.Bad))
	return prober.Client(ctx, listener)
}

func (o *options) prober() (*probe.Prober, error) {
	prober := &probe.Prober{}
	if !o.listen {
		prober.ServerName = o.fqdn
	}
	if o.cert != "" {
		cert, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			return nil, err
		}
		selfSigned, err := probe.SelfSigned(leaf)
		if err != nil {
			return nil, err
		}
		prober.Certificate, prober.Bad = &cert, []probe.BadCertificate{selfSigned}
	}
	if o.roots == "" {
		return prober, nil
	}
	pins, err := tlsconfig.LoadPins(o.roots, o.subCAs)
	if err != nil {
		return nil, err
	}
	checker, err := o.revocation()
	if err != nil {
		return nil, err
	}
	prober.Verifier = &tlsconfig.Verifier{Pins: pins, Revocation: checker}
	if o.fqdn != "" {
		prober.Verifier.FQDNs = strings.Split(o.fqdn, ",")
	}
	return prober, nil
}

func (o *options) revocation() (tlsconfig.RevocationChecker, error) {
	if len(o.crls) == 0 && !o.fetch {
		return tlsconfig.InsecureSkipRevocation{}, nil // reported as not asked
	}
	crls := new(revocation.CRLs)
	checker := &revocation.Checker{Sources: []revocation.Source{crls}}
	for _, file := range o.crls {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := crls.Add(data); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if o.fetch {
		fetcher := new(revocation.HTTPFetcher)
		crls.Fetcher = fetcher
		checker.Sources = append(checker.Sources, &revocation.OCSP{Fetcher: fetcher})
	}
	return checker, nil
}

func (o *options) write(report *probe.Report, stdout io.Writer) error {
	switch {
	case o.json:
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(report)
	case o.html != "":
		file, err := os.Create(o.html)
		if err != nil {
			return err
		}
		if err := errors.Join(report.WriteHTML(file), file.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%v: the report is in %s\n", report.Verdict(), o.html)
		return err
	}
	width := 100
	if endpoint.IsTerminal(stdout) {
		width = columns()
	}
	return report.WriteText(stdout, width)
}

// columns is the width of the terminal as the shell exports it, or 80.
func columns() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n >= 20 && n <= 500 {
		return n
	}
	return 80
}
