// SPDX-License-Identifier: Apache-2.0

// Package endpoint is what the examples share: the flags of one end of a Spine
// connection, and serving until a signal.
package endpoint

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Flags are the flags of one end of a connection.
type Flags struct {
	cert, key     string
	roots, subCAs string
	fqdns         string
	crls          List
	fetch         bool
	cache         string
}

// NewFlags returns the flag set of a program that is one end of a connection, and
// what its flags say once it has parsed them. Peer says who is at the other end, and
// fqdnNote what holds without -fqdn.
func NewFlags(program, peer, fqdnNote string) (*flag.FlagSet, *Flags) {
	fs, f := flag.NewFlagSet(program, flag.ContinueOnError), &Flags{}
	fs.StringVar(&f.cert, "cert", "", "PEM `FILE` of this end's certificate and its SubCA")
	fs.StringVar(&f.key, "key", "", "PEM `FILE` of its key")
	fs.StringVar(&f.roots, "roots", "", "PEM `FILE` of the pinned root CAs")
	fs.StringVar(&f.subCAs, "subcas", "", "PEM `FILE` of the pinned SubCAs")
	fs.StringVar(&f.fqdns, "fqdn", "", "`NAME[,NAME]` that the "+peer+"'s certificate may speak for; "+fqdnNote)
	fs.Var(&f.crls, "crl", "`FILE` of certificate revocation lists, PEM or DER, which is followed; may be repeated")
	fs.BoolVar(&f.fetch, "fetch", false, "fetch CRLs and OCSP answers from where the certificates say")
	fs.StringVar(&f.cache, "cache", "", "`DIR` in which fetched CRLs and OCSP answers are cached")
	return fs, f
}

// Endpoint reads the files and returns the end that the flags describe. What
// it fetches is refreshed until ctx ends.
func (f *Flags) Endpoint(ctx context.Context, logger *slog.Logger) (*tlsconfig.Endpoint, error) {
	if err := Missing("-cert", f.cert, "-key", f.key); err != nil {
		return nil, err
	}
	verifier, err := f.Verifier(ctx, logger)
	if err != nil {
		return nil, err
	}
	return &tlsconfig.Endpoint{Certificate: tlsconfig.CertificateFiles(f.cert, f.key), Verifier: *verifier, Logger: logger}, nil
}

// Verifier reads the files that say who may be at the other end.
func (f *Flags) Verifier(ctx context.Context, logger *slog.Logger) (*tlsconfig.Verifier, error) {
	if err := Missing("-roots", f.roots, "-subcas", f.subCAs); err != nil {
		return nil, err
	}
	pins, err := tlsconfig.LoadPins(f.roots, f.subCAs)
	if err != nil {
		return nil, err
	}
	checker, err := f.checker(ctx, logger)
	if err != nil {
		return nil, err
	}
	v := &tlsconfig.Verifier{Pins: pins, Revocation: checker}
	if f.fqdns != "" {
		v.FQDNs = strings.Split(f.fqdns, ",")
	}
	return v, nil
}

// Missing returns an error for the first flag without a value, of names and values by turns.
func Missing(namesAndFiles ...string) error {
	for i := 0; i < len(namesAndFiles); i += 2 {
		if namesAndFiles[i+1] == "" {
			return fmt.Errorf("%s is missing", namesAndFiles[i])
		}
	}
	return nil
}

func (f *Flags) checker(ctx context.Context, logger *slog.Logger) (*revocation.Checker, error) {
	if len(f.crls) == 0 && !f.fetch {
		return nil, errors.New("neither -crl nor -fetch: every peer would be refused, since its revocation would be unknown")
	}
	// A file that cannot be read is a mistake now, and a warning once it has been.
	for _, file := range f.crls {
		crl, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := new(revocation.CRLs).Add(crl); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	crls := &revocation.CRLs{Files: f.crls, Logger: logger}
	checker := &revocation.Checker{Sources: []revocation.Source{crls}, Logger: logger}
	if !f.fetch {
		go crls.Run(ctx)
		return checker, nil
	}
	// It asks crl.nhs.uk and ocsp.nhs.uk only, through HTTP_PROXY where that is set.
	fetcher := &revocation.HTTPFetcher{}
	crls.Fetcher = fetcher
	ocsp := &revocation.OCSP{Fetcher: fetcher, Logger: logger}
	if f.cache != "" {
		crls.Cache, ocsp.Cache = revocation.DirCache(f.cache), revocation.DirCache(f.cache)
	}
	checker.Sources = append(checker.Sources, ocsp)
	go crls.Run(ctx)
	go ocsp.Run(ctx)
	return checker, nil
}
