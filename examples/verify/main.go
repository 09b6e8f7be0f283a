// SPDX-License-Identifier: Apache-2.0

// Verify checks one certificate chain offline, as a Spine peer's would be
// checked in a handshake, and prints "accepted" or "rejected: RULE: detail".
//
//	verify -roots FILE -subcas FILE [-fqdn NAME] [-usage client|server] [-crl FILE]... [-ocsp FILE]...
//	    [-ca FILE]... [-at RFC3339] [-revocation off] CHAIN
//
// A file holds several PEM objects or one DER object; CHAIN starts with the
// leaf. Without -crl and -ocsp the revocation of the chain is unknown and the
// chain is therefore rejected. The exit status is 0 for accepted, 1 for
// rejected and 2 for wrong usage or an unreadable file.
package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	accepted = iota
	rejected
	unusable
)

func run(args []string, stdout, stderr io.Writer) int {
	p, err := parse(args, stderr)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stderr, "verify:", err)
		}
		return unusable
	}
	_, err = p.verifier.Verify(context.Background(), p.presented)
	if err == nil {
		fmt.Fprintln(stdout, "accepted")
		return accepted
	}
	if refusal, ok := errors.AsType[*tlsconfig.PeerError](err); ok {
		fmt.Fprintf(stdout, "rejected: %s: %s\n", refusal.Rule, oneLine(detail(refusal)))
	} else {
		fmt.Fprintf(stdout, "rejected: %s\n", oneLine(err.Error()))
	}
	return rejected
}

func detail(e *tlsconfig.PeerError) string {
	switch {
	case e.Err == nil:
		return e.Detail
	case e.Detail == "":
		return e.Err.Error()
	}
	return e.Detail + ": " + e.Err.Error()
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }

// A problem is one chain and what it is to be checked against.
type problem struct {
	verifier  *tlsconfig.Verifier
	presented tlsconfig.Presented
}

func parse(args []string, stderr io.Writer) (*problem, error) {
	var (
		crlFiles, ocspFiles, caFiles endpoint.List

		flags   = flag.NewFlagSet("verify", flag.ContinueOnError)
		roots   = flags.String("roots", "", "`FILE` of the pinned root CAs")
		subCAs  = flags.String("subcas", "", "`FILE` of the pinned SubCAs")
		fqdn    = flags.String("fqdn", "", "the `NAME` that the leaf must speak for; default: any one that it can")
		usage   = flags.String("usage", "client", "what the peer is: client or server")
		at      = flags.String("at", "", "the time of the check, RFC 3339; default: now")
		offWord = flags.String("revocation", "on", "off: accept certificates without a check of their revocation")
	)
	flags.SetOutput(stderr)
	flags.Var(&crlFiles, "crl", "`FILE` of certificate revocation lists; may be repeated")
	flags.Var(&ocspFiles, "ocsp", "`FILE` of OCSP responses; may be repeated")
	flags.Var(&caFiles, "ca", "`FILE` of further CA certificates, not pinned, that may have signed a CRL; may be repeated")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return nil, fmt.Errorf("one CHAIN is wanted, %d were given", flags.NArg())
	}

	var p problem
	clock := time.Now
	if *at != "" {
		t, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			return nil, fmt.Errorf("-at: %w", err)
		}
		clock = func() time.Time { return t }
	}
	switch *usage {
	case "client":
		p.presented.Usage = x509.ExtKeyUsageClientAuth
	case "server":
		p.presented.Usage = x509.ExtKeyUsageServerAuth
	default:
		return nil, fmt.Errorf("-usage is client or server, not %q", *usage)
	}

	chain, err := certificates(flags.Arg(0))
	if err != nil {
		return nil, err
	}
	p.presented.Certificates = chain

	rootCerts, err := certificates(*roots)
	if err != nil {
		return nil, fmt.Errorf("-roots: %w", err)
	}
	subCACerts, err := certificates(*subCAs)
	if err != nil {
		return nil, fmt.Errorf("-subcas: %w", err)
	}
	pins, err := tlsconfig.NewPins(rootCerts, subCACerts)
	if err != nil {
		return nil, err
	}
	p.verifier = &tlsconfig.Verifier{Pins: pins, Time: clock}
	if *fqdn != "" {
		p.verifier.FQDNs = []string{*fqdn}
	} else if names, err := tlsconfig.FQDNs(chain[0]); err == nil {
		// A leaf with no name of its own keeps the list empty and is refused.
		p.verifier.FQDNs = names
	}

	var issuers []*x509.Certificate
	for _, file := range caFiles {
		certs, err := certificates(file)
		if err != nil {
			return nil, fmt.Errorf("-ca: %w", err)
		}
		issuers = append(issuers, certs...)
	}

	switch *offWord {
	case "off":
		if len(crlFiles)+len(ocspFiles) > 0 {
			return nil, errors.New("-revocation off leaves no use for -crl and -ocsp")
		}
		fmt.Fprintln(stderr, "verify: revocation is not checked: a revoked certificate is accepted")
		p.verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
		return &p, nil
	case "on":
	default:
		return nil, fmt.Errorf("-revocation is on or off, not %q", *offWord)
	}
	checker := &revocation.Checker{Time: clock}
	p.verifier.Revocation = checker
	if len(ocspFiles) > 0 {
		source := &revocation.OCSP{}
		if err := addAll(ocspFiles, "OCSP RESPONSE", source.Add); err != nil {
			return nil, fmt.Errorf("-ocsp: %w", err)
		}
		checker.Sources = append(checker.Sources, source)
	}
	if len(crlFiles) > 0 {
		source := &revocation.CRLs{Issuers: issuers}
		if err := addAll(crlFiles, "X509 CRL", source.Add); err != nil {
			return nil, fmt.Errorf("-crl: %w", err)
		}
		checker.Sources = append(checker.Sources, source)
	}
	return &p, nil
}

// addAll hands each object of the files to add.
func addAll(files []string, kind string, add func(der []byte) error) error {
	for _, file := range files {
		objects, err := read(file, kind)
		if err != nil {
			return err
		}
		for _, der := range objects {
			if err := add(der); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

func certificates(file string) ([]*x509.Certificate, error) {
	objects, err := read(file, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	certs := make([]*x509.Certificate, len(objects))
	for i, der := range objects {
		if certs[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return certs, nil
}

// read returns the DER objects of a file: the PEM blocks of the kind, or all of
// it if it is not PEM.
func read(file, kind string) ([][]byte, error) {
	if file == "" {
		return nil, errors.New("no file was named")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		if len(data) == 0 {
			return nil, fmt.Errorf("%s is empty", file)
		}
		return [][]byte{data}, nil
	}
	var objects [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != kind {
			return nil, fmt.Errorf("%s: a %s where a %s belongs", file, block.Type, kind)
		}
		objects = append(objects, block.Bytes)
	}
	// pem.Decode passes over what it cannot read, which may be the CRL that
	// revokes.
	if len(objects) != max(bytes.Count(data, []byte("-----BEGIN ")), bytes.Count(data, []byte("-----END "))) {
		return nil, fmt.Errorf("%s: a PEM object is damaged", file)
	}
	return objects, nil
}
