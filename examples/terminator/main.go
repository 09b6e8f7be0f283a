// SPDX-License-Identifier: Apache-2.0

// Terminator writes what a proxy needs in order to end TLS in front of the examples
// provider and nrl, which run with -behind.
//
//	terminator -program PROGRAM -listen ADDR -backend ADDR|unix:PATH [-secret FILE] -cert FILE -key FILE
//	    -roots FILE -subcas FILE [-crls FILE [-leaf-crls]] [-fqdn NAME[,NAME]] -dir DIR
//
// PROGRAM is nginx, haproxy, apache, envoy or stunnel, as package tlsconfig/terminator
// knows them. DIR, which is made if need be, gets PROGRAM.conf and the files that it
// names; all of it is for the user alone that starts the proxy.
//
// The file of -crls is kept current by package tlsconfig/terminator's Keeper. Without it
// nginx and HAProxy look up none, and revocation is left to the program behind, as it
// must be with the Spine's authority lists: their distribution points make OpenSSL refuse
// every peer.
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
	"path/filepath"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

func main() { endpoint.Main("terminator", run) }

func run(_ context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("terminator", flag.ContinueOnError)
	program := flags.String("program", "", "the `PROGRAM` that ends TLS")
	listen := flags.String("listen", "", "`ADDR` that it accepts TLS on")
	backend := flags.String("backend", "", "`ADDR`, or unix:PATH, of the program behind it")
	secretFile := flags.String("secret", "", "`FILE` of the secret that the program behind knows it by; not needed with unix:PATH")
	cert := flags.String("cert", "", "PEM `FILE` of the own certificate and the SubCA that issued it")
	key := flags.String("key", "", "PEM `FILE` of its key")
	roots := flags.String("roots", "", "PEM `FILE` of the pinned roots")
	subCAs := flags.String("subcas", "", "PEM `FILE` of the pinned SubCAs")
	crls := flags.String("crls", "", "PEM `FILE` of the CRLs of these CAs, and no other's; nginx and haproxy do without")
	leafCRLs := flags.Bool("leaf-crls", false, "apache and envoy: look up the client's certificate alone in it")
	fqdns := flags.String("fqdn", "", "the `NAME`s of the clients, where their certificates have no subjectAltName; default: left to the program behind")
	dir := flags.String("dir", "", "`DIR` to write to")
	if err := endpoint.Parse(flags, args, stderr); err != nil {
		return err
	}
	if err := endpoint.Missing("-cert", *cert, "-key", *key, "-roots", *roots, "-subcas", *subCAs, "-dir", *dir); err != nil {
		return err
	}
	params := terminator.Params{Listen: *listen, Backend: *backend}
	var err error
	if params.Pins, err = tlsconfig.LoadPins(*roots, *subCAs); err != nil {
		return err
	}
	if *fqdns != "" {
		params.FQDNs = strings.Split(*fqdns, ",")
	}
	if *secretFile != "" {
		secret, err := os.ReadFile(*secretFile)
		if err != nil {
			return fmt.Errorf("-secret: %w", err)
		}
		params.Secret = strings.TrimSpace(string(secret))
	}
	folder, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		flag, name string
		to         *string
	}{{"-cert", *cert, &params.Certificate}, {"-key", *key, &params.Key}, {"-crls", *crls, &params.CRLs}} {
		if file.name == "" && file.flag == "-crls" {
			params.AllowNoCRLs = true
			continue
		}
		if *file.to, err = filepath.Abs(file.name); err != nil {
			return err
		}
		if _, err := os.Stat(*file.to); err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	params.CAs, params.DHParams = in("cas.pem"), in("dhparams.pem")
	params.LeafCRLs = *leafCRLs
	config, err := terminator.Render(terminator.Program(*program), params)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		params.CAs:      certificates(append(params.Pins.SubCAs(), params.Pins.Roots()...)),
		params.DHParams: terminator.DHParams(),
	} {
		if err := write(name, data); err != nil {
			return err
		}
	}
	written := in(*program + ".conf")
	if err := write(written, config); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, "wrote", written)
	return err
}

// write puts a file that its owner alone may read in the place of one that others may
// be able to, and that a proxy may be about to read.
func write(name string, data []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

func certificates(certs []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, cert := range certs {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return out.Bytes()
}
