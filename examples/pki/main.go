// SPDX-License-Identifier: Apache-2.0

// Pki writes the files of a Spine of your own, for a try of the other examples.
//
//	go run ./examples/pki DIR NAME...
//
// DIR gets roots.pem and subcas.pem to pin, the lists crl.pem and arl.pem for -crl,
// and for each NAME, an FQDN, its certificate NAME.pem and its key NAME.key. The lists
// are good for a day. A second run would make another Spine, so it stops at what is
// there already. Nothing outside of tests may pin these CAs.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// batch is the partition that is about every certificate, so one list will do.
const batch = 1

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pki:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	if len(args) < 2 {
		return errors.New("a DIR and a NAME are wanted")
	}
	dir, names := args[0], args[1:]
	pki := spinetest.NewPKI()
	defer pki.Close()
	type file struct {
		name, kind string
		ders       [][]byte
	}
	files := []file{
		{"roots.pem", "CERTIFICATE", [][]byte{pki.Root.Raw}},
		{"subcas.pem", "CERTIFICATE", [][]byte{pki.SubCA.Raw}},
		{"crl.pem", "X509 CRL", [][]byte{pki.Authority.CRL(batch)}},
		{"arl.pem", "X509 CRL", [][]byte{pki.RootService.ARL()}},
	}
	for _, name := range names {
		cert := pki.Issue(name, spinetest.Batch(batch))
		if _, err := tlsconfig.FQDNs(cert.Leaf); err != nil { // the name becomes that of a file, too
			return err
		}
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			return err
		}
		files = append(files, file{name + ".pem", "CERTIFICATE", cert.Certificate}, file{name + ".key", "PRIVATE KEY", [][]byte{key}})
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		for _, der := range f.ders {
			err = errors.Join(err, pem.Encode(out, &pem.Block{Type: f.kind, Bytes: der}))
		}
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
		fmt.Fprintln(stdout, path)
	}
	return nil
}
