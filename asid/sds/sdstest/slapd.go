// SPDX-License-Identifier: Apache-2.0

package sdstest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

//go:embed nhs.schema
var schema string

// A Slapd is OpenLDAP's server with the schema of SDS, on a loopback address. It
// speaks LDAP over TLS 1.2 only and demands a certificate of its PKI; a client that
// has one may read, without a bind.
type Slapd struct {
	Address string          // where it listens; the same after a restart
	TLS     tls.Certificate // what it presents
	Config  SlapdConfig     // used from the next Start on
	dir     string
	program string
	process *exec.Cmd
	log     bytes.Buffer
}

// A SlapdConfig says what a Slapd does.
type SlapdConfig struct {
	PKI       *spinetest.PKI
	FQDN      string    // in its certificate
	Directory Directory // what it holds

	// SizeLimit is the number of entries after which it ends a search; zero: 500,
	// slapd's default; negative: none.
	SizeLimit int

	// LowerCase spells the schema's attributes in lower case, as some directories
	// answer.
	LowerCase bool

	// Access are access clauses of slapd.access(5), one a line, that come before the
	// one that lets all read; empty: none. "access to * by * none" takes away the
	// access to everything.
	Access string
}

// StartSlapd runs slapd until the test ends. A machine without it skips the test,
// or fails it where CI is set. With -short the test is skipped.
func StartSlapd(t testing.TB, config SlapdConfig) *Slapd {
	t.Helper()
	program := "slapd"
	if _, err := exec.LookPath(program); err != nil {
		program = "/usr/sbin/slapd" // not in every user's PATH
	}
	s := &Slapd{
		Config: config, dir: t.TempDir(), program: testenv.Need(t, program, "slapd"),
		Address: testenv.FreeAddress(t), TLS: config.PKI.Issue(config.FQDN),
	}
	t.Cleanup(s.Stop)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Start starts it with Config as it is now, and returns once it can be called.
func (s *Slapd) Start() error {
	database := filepath.Join(s.dir, "db")
	if err := os.RemoveAll(database); err != nil {
		return err
	}
	if err := os.Mkdir(database, 0o700); err != nil {
		return err
	}
	if err := s.writeFiles(database); err != nil {
		return err
	}
	conf := filepath.Join(s.dir, "slapd.conf")
	load := exec.Command(s.program, "-T", "add", "-q", "-f", conf, "-l", filepath.Join(s.dir, "data.ldif"))
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("slapadd: %w: %s", err, out)
	}
	s.log.Reset()
	s.process = exec.Command(s.program, "-d", "none", "-f", conf, "-h", "ldaps://"+s.Address)
	s.process.Stderr = &s.log
	if err := s.process.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := net.Dial("tcp", s.Address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			s.Stop()
			return fmt.Errorf("slapd does not listen: %w: %s", err, &s.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Stop kills it, if it runs.
func (s *Slapd) Stop() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *Slapd) writeFiles(database string) error {
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.PrivateKey)
	if err != nil {
		return err
	}
	var data bytes.Buffer
	if err := s.Config.Directory.WriteLDIF(&data); err != nil {
		return err
	}
	pki := s.Config.PKI
	for name, content := range map[string][]byte{
		"cas.pem":    encode("CERTIFICATE", pki.SubCA.Raw, pki.Root.Raw),
		"cert.pem":   encode("CERTIFICATE", s.TLS.Certificate...),
		"key.pem":    encode("PRIVATE KEY", key),
		"crls.pem":   encode("X509 CRL", pki.Authority.CRL(7), pki.RootService.ARL()),
		"data.ldif":  data.Bytes(),
		"nhs.schema": []byte(s.schema()),
		"slapd.conf": []byte(s.conf(database)),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

var attributeName = regexp.MustCompile(`nhs[A-Z]\w*|uniqueIdentifier`)

func (s *Slapd) schema() string {
	if !s.Config.LowerCase {
		return schema
	}
	return attributeName.ReplaceAllStringFunc(schema, strings.ToLower)
}

func (s *Slapd) conf(database string) string {
	limit := fmt.Sprint(s.Config.SizeLimit)
	switch {
	case s.Config.SizeLimit == 0:
		limit = "500"
	case s.Config.SizeLimit < 0:
		limit = "unlimited"
	}
	return fmt.Sprintf(`include /etc/ldap/schema/core.schema
include %[1]s/nhs.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile %[1]s/cas.pem
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
TLSCRLFile %[1]s/crls.pem
TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.2
TLSVerifyClient demand
sizelimit %[2]s
database mdb
suffix o=nhs
directory %[3]s
maxsize 268435456
index objectClass,uniqueIdentifier,nhsMHSPartyKey,nhsIDCode eq
%[4]s
access to * by * read
`, s.dir, limit, database, s.Config.Access)
}

func encode(kind string, ders ...[]byte) []byte {
	var out bytes.Buffer
	for _, der := range ders {
		_ = pem.Encode(&out, &pem.Block{Type: kind, Bytes: der}) // a Buffer takes everything
	}
	return out.Bytes()
}
