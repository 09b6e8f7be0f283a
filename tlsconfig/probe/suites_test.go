// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Each line of suites.txt is a suite that the guidance does not list.
func TestForeignSuitesAreReadAndForeign(t *testing.T) {
	t.Parallel()
	lines := 0
	for line := range strings.Lines(suitesText) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines++
		}
	}
	if lines != len(foreign) {
		t.Errorf("%d of %d lines are read, each with a code of its own", len(foreign), lines)
	}
	for _, suite := range tlsconfig.Suites() {
		if slices.Contains(foreign, uint16(suite)) {
			t.Errorf("%v is the guidance's", suite)
		}
	}
}

// What OpenSSL has for TLS 1.2 and before is asked about.
func TestEachSuiteOfOpenSSLIsAskedAbout(t *testing.T) {
	t.Parallel()
	openssl := testenv.Need(t, "openssl", "openssl")
	out, err := exec.CommandContext(t.Context(), openssl, "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	suites := regexp.MustCompile(`(?m)^ *0x(..),0x(..) - (TLS_\S+)`).FindAllStringSubmatch(string(out), -1)
	if len(suites) < 100 {
		t.Fatalf("%d suites are read of: %s", len(suites), out)
	}
	for _, s := range suites {
		code, err := strconv.ParseUint(s[1]+s[2], 16, 16)
		if err != nil {
			t.Fatal(err)
		}
		id := uint16(code)
		if foreignNames[id] != s[3] && !slices.Contains(tlsconfig.Suites(), tlsconfig.Suite(id)) && !slices.Contains(suites13, id) {
			t.Errorf("0x%04X is %s and not %q", id, s[3], foreignNames[id])
		}
	}
}
