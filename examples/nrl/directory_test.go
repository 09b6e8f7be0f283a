// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// directoryArgs are the arguments for a real directory, which has an update as a
// patch, and no name for the consumer, which the operator's file binds.
func directoryArgs(t *testing.T, files *exampletest.Files) []string {
	const create, remove = string(asid.DocumentReferenceCreate), string(asid.DocumentReferenceDelete)
	slapd := sdstest.StartSlapd(t, sdstest.SlapdConfig{PKI: files.PKI, FQDN: "ldap.nhs.uk", Directory: sdstest.Directory{
		AS: []sdstest.AS{
			{ASID: "200000000205", ODS: "RR8", PartyKey: "RR8-1", Interactions: []string{create, string(asid.DocumentReferencePatch), remove}},
			{ASID: "200000000206", ODS: "RXA", PartyKey: "RXA-1", Interactions: []string{create, remove}},
			{ASID: "928942012545", ODS: "RGD", Interactions: []string{string(asid.DocumentReferenceRead), string(asid.DocumentReferenceSearch)}},
		},
		MHS: []sdstest.MHS{
			{ODS: "RR8", PartyKey: "RR8-1", Interaction: create, FQDN: "rr8.nhs.uk"},
			{ODS: "RXA", PartyKey: "RXA-1", Interaction: create, FQDN: "rxa.nhs.uk"},
		},
	}})
	bindings := filepath.Join(t.TempDir(), "bindings.json")
	require.NoError(t, os.WriteFile(bindings, []byte(`{"bindings": [{"asid": "928942012545", "fqdns": ["rgd.nhs.uk"]}]}`), 0o600))
	return []string{"-sds", "ldaps://" + slapd.Address, "-sds-fqdn", "ldap.nhs.uk", "-sds-canary", "200000000205", "-bindings", bindings}
}

// A whole pointer's life with ASIDs from the directory.
func TestThePointersLifeWithTheDirectory(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "curl", "curl")
	files := exampletest.NewFiles(t)
	port := startWith(t, files, directoryArgs(t, files)...)
	assert.NotEmpty(t, pointersLife(t, files, port))
}

// The same behind nginx, which ends TLS as package terminator configures it.
func TestThePointersLifeWithTheDirectoryBehindNginx(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "curl", "curl")
	nginx := testenv.Need(t, "nginx", "nginx")
	files := exampletest.NewFiles(t)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	read := func(names ...string) (all []byte) {
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			all = append(all, text...)
		}
		return all
	}
	const secret = "00112233445566778899aabbccddeeff"
	args := append(directoryArgs(t, files), "-behind", "nginx", "-trust", "127.0.0.1", "-secret", file("secret", []byte(secret)))
	port := startWith(t, files, args...)

	address := testenv.FreeAddress(t)
	own := files.Leaf(t, nrlName)
	rendered, err := terminator.Render(terminator.Nginx, terminator.Params{
		Listen: address, Backend: "127.0.0.1:" + port, Certificate: own.Cert, Key: own.Key,
		CAs: file("cas.pem", read(files.Roots, files.SubCAs)), CRLs: file("crls.pem", read(files.CRL, files.ARL)),
		DHParams: file("dh.pem", terminator.DHParams()), Pins: files.PKI.Pins(), Secret: secret,
	})
	require.NoError(t, err)
	// nginx takes complete CRLs only, and the Spine's are partitioned; the server
	// behind judges revocation.
	rendered = regexp.MustCompile(`(?m)^\s*ssl_crl .*;\n`).ReplaceAll(rendered, nil)
	config := file("nginx.conf", fmt.Appendf(nil, "daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {}\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, rendered))
	process := exec.CommandContext(t.Context(), nginx, "-e", "stderr", "-c", config)
	process.Stderr = t.Output()
	require.NoError(t, process.Start())
	t.Cleanup(func() { _ = process.Wait() }) // killed by the test's context
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	}, 20*time.Second, 10*time.Millisecond)
	_, proxyPort, err := net.SplitHostPort(address)
	require.NoError(t, err)
	assert.NotEmpty(t, pointersLife(t, files, proxyPort))
}

func TestRegistryFlags(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	own := files.Leaf(t, nrlName)
	for name, args := range map[string][]string{
		"no registry":           nil,
		"two registries":        {"-registry", "a.json", "-sds", "ldaps://ldap.nhs.uk"},
		"ldap without TLS":      {"-sds", "ldap://ldap.nhs.uk"},
		"a path":                {"-sds", "ldaps://ldap.nhs.uk/o=nhs"},
		"a canary that is none": {"-sds", "ldaps://ldap.nhs.uk", "-sds-canary", "1"},
		"no key":                {"-sds", "https://sds.nhs.uk"},
		"no bindings":           {"-sds", "ldaps://ldap.nhs.uk", "-bindings", filepath.Join(t.TempDir(), "none")},
	} {
		args = append([]string{"-cert", own.Cert, "-key", own.Key, "-roots", files.Roots, "-subcas", files.SubCAs, "-crl", files.CRL}, args...)
		err := run(t.Context(), args, t.Output(), t.Output())
		assert.Error(t, err, name)
		if name == "no registry" {
			assert.ErrorContains(t, err, "neither -registry nor -sds")
		}
	}
}
