// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// supplierMistakes are rules that are taken out of testdata/supplier/provider.go:
// what stands there, and what comes in its place.
var supplierMistakes = map[string][2]string{
	"gate":       {"gate.Middleware(records))\n	return", "records)\n	return"}, // of one route
	"peers":      {"Peers: peers", "Peers: asid.InsecureUnverifiedPeers{}"},
	"self":       {"Self: self", `Self: asid.MustParseID("200000000999")`},
	"testids":    {"Time: clock}\n	mux", "Time: clock, TestIDs: true}\n	mux"},
	"fqdn":       {`FQDNs: []string{"ssp.nhs.uk"}`, "AllowAnyFQDN: true"},
	"second":     {`"ssp.nhs.uk"}`, `"ssp.nhs.uk", "not-ssp.nhs.uk"}`},
	"revocation": {"Revocation: checker", "Revocation: func(tlsconfig.RevocationChecker) tlsconfig.RevocationChecker { return tlsconfig.InsecureSkipRevocation{} }(checker)"},
	"stale":      {"{crls}, Time: clock}", "{crls}, Time: clock, Policy: revocation.Policy{Unknown: revocation.Allow, MaxStale: time.Hour}}"},
	"depth":      {"{crls}, Time: clock}", "{crls}, Time: clock, Policy: revocation.Policy{Depth: revocation.EndEntity}}"},
	"clock":      {"Revocation: checker, Time: clock}", "Revocation: checker, Time: func() func() time.Time { now := clock(); return func() time.Time { return now } }()}"},
}

// A supplier's module, outside of this one, tests its provider with the kits; its
// tests fail when any of its rules is taken out.
func TestASuppliersOwnModule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module and its tests")
	}
	t.Parallel()
	program := testenv.Need(t, "go", "golang")
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	read := func(name string) string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(text)
	}
	// The requirements are those of this module, so that nothing is looked for in a
	// network.
	requirements := regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(read(filepath.Join(root, "go.mod")), "module supplier.example")
	write("go.mod", requirements+"\nrequire github.com/nrlsecurity/nrlsecurity v0.0.0\n\nreplace github.com/nrlsecurity/nrlsecurity => "+root+"\n")
	write("go.sum", read(filepath.Join(root, "go.sum")))

	right, test := read("testdata/supplier/provider.go"), read("testdata/supplier/provider_test.go")
	write("right/provider.go", right)
	write("right/provider_test.go", test)
	write("right/testify_test.go", read("testdata/supplier/testify_test.go"))
	mistakes := maps.Clone(supplierMistakes)
	if os.Getenv("CI") == "" { // each is a package to build
		maps.DeleteFunc(mistakes, func(name string, _ [2]string) bool { return name != "gate" && name != "peers" && name != "fqdn" })
	}
	// The tests of the wrong ones are linked together, which takes most of the time.
	for name, m := range mistakes {
		require.Equal(t, 1, strings.Count(right, m[0]), name)
		write(name+"/provider.go", strings.Replace(right, m[0], m[1], 1))
		write("wrong/"+name+"_test.go", strings.NewReplacer(
			"package supplier", "package wrong",
			"import (", "import (\n	"+name+` "supplier.example/`+name+`"`,
			"(t *testing.T) {", "_"+name+"(t *testing.T) {",
			" Handler(", " "+name+".Handler(", " Endpoint(", " "+name+".Endpoint(",
		).Replace(test))
	}
	run := func(program string, args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), program, args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := command.CombinedOutput()
		return string(out), err
	}
	out, err := run(program, "test", "-vet=off", "./right")
	require.NoError(t, err, out)
	wrong := filepath.Join(dir, "wrong.test")
	out, err = run(program, "test", "-vet=off", "-c", "-o", wrong, "./wrong")
	require.NoError(t, err, out)
	for name := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The first failure ends it, since the kits wait for what a wrong one does not notice.
			out, err := run(wrong, "-test.failfast", "-test.run", "_"+name+"$")
			require.Error(t, err, "the tests of the wrong one fail")
			assert.Regexp(t, `(?m)^\s*--- FAIL: Test(Handler|Server)_`+name+` `, out)
		})
	}
}
