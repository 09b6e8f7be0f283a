// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// opensslCA describes one of a Spine's CAs to openssl ca.
func opensslCA(name string) string {
	return fmt.Sprintf(`[%[1]s]
database = %[1]s.txt
new_certs_dir = .
serial = %[1]s.srl
crlnumber = %[1]s.crlnumber
default_md = sha256
default_crl_days = 1
default_days = 365
policy = any
certificate = %[1]s.pem
private_key = %[1]s.key
`, name)
}

// opensslConfig describes to openssl what these CAs issue.
const opensslConfig = `
[req]
distinguished_name = none
prompt = no
[none]
[ca]
default_ca = subca
[any]
organizationName = optional
organizationalUnitName = optional
commonName = supplied
[ca_cert]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
keyUsage = digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth,clientAuth
certificatePolicies = 1.2.826.0.1275.101.0.3.1.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://crl.example/int/1c/crlc7.crl
[crl7]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@point7
[point7]
fullname = URI:http://crl.example/int/1c/crlc7.crl
[crl8]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@point8
[point8]
fullname = URI:http://crl.example/int/1c/crlc8.crl
[arl]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@cas
[cas]
onlyCA = TRUE
`

// TestChainsOfOpenSSL verifies chains that none of our code had a hand in.
func TestChainsOfOpenSSL(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "openssl", "openssl")
	dir := t.TempDir()
	openssl := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "openssl", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "openssl %s: %s", strings.Join(args, " "), out)
	}
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	write("ca.cnf", opensslConfig+opensslCA("root")+opensslCA("subca"))
	for _, ca := range []string{"root", "subca"} {
		write(ca+".txt", "")
		write(ca+".srl", "1000\n")
		write(ca+".crlnumber", "01\n")
	}
	key := func(name string) {
		openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", name+".key")
	}
	issue := func(ca, name, extensions, subject string) {
		key(name)
		openssl("req", "-new", "-config", "ca.cnf", "-key", name+".key", "-subj", subject, "-out", name+".csr")
		openssl("ca", "-config", "ca.cnf", "-name", ca, "-batch", "-notext", "-extensions", extensions, "-in", name+".csr", "-out", name+".pem")
	}
	key("root")
	openssl("req", "-x509", "-new", "-config", "ca.cnf", "-key", "root.key", "-sha256", "-days", "365", "-extensions", "ca_cert",
		"-subj", "/O=nhs/OU=CA/CN=OpenSSL Root", "-out", "root.pem")
	issue("root", "subca", "ca_cert", "/O=nhs/OU=CA/CN=OpenSSL SubCA")
	issue("subca", "leaf", "leaf", "/O=nhs/OU=Devices/CN=ssp.nhs.uk")
	issue("subca", "revoked", "leaf", "/O=nhs/OU=Devices/CN=revoked.nhs.uk")
	openssl("ca", "-config", "ca.cnf", "-name", "subca", "-revoke", "revoked.pem", "-crl_reason", "keyCompromise")
	crl := func(ca, section string) string {
		openssl("ca", "-config", "ca.cnf", "-name", ca, "-gencrl", "-crlexts", section, "-out", section+".pem")
		return filepath.Join(dir, section+".pem")
	}
	crl7, crl8, arl := crl("subca", "crl7"), crl("subca", "crl8"), crl("root", "arl")

	for _, test := range []struct {
		name, leaf string
		crls       []string
		wants      string
	}{
		{"the CRL of its partition", "leaf", []string{crl7, arl}, "accepted"},
		{"the CRLs of all partitions", "leaf", []string{crl8, crl7, arl}, "accepted"},
		{"the CRL of another partition", "leaf", []string{crl8, arl}, "rejected: revocation: .*"},
		{"no CRL of the root", "leaf", []string{crl7}, "rejected: revocation: .*"},
		{"the CRL that lists it", "revoked", []string{crl7, arl}, "rejected: revocation: .*keyCompromise.*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"-roots", filepath.Join(dir, "root.pem"), "-subcas", filepath.Join(dir, "subca.pem")}
			for _, file := range test.crls {
				args = append(args, "-crl", file)
			}
			line, _ := verify(t, append(args, filepath.Join(dir, test.leaf+".pem"))...)
			assert.Regexp(t, "^"+test.wants+"$", line)
		})
	}
}
