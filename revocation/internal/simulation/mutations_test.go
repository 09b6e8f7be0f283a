// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package simulation

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var only = flag.String("only", "", "play the mutations whose name contains this")

// TestMutations shows that histories tell the package from what it would be without
// one of its rules: for each mutation it names a seed that fails. The tree is left as
// it is; the compiler is given the changed file in place of the other.
func TestMutations(t *testing.T) {
	for _, m := range mutations {
		if !strings.Contains(m.name, *only) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			path, err := filepath.Abs(filepath.Join("../..", m.file))
			require.NoError(t, err)
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, 1, strings.Count(string(source), m.old), "%s has changed", m.file)
			changed, overlay := filepath.Join(t.TempDir(), "changed.go"), filepath.Join(t.TempDir(), "overlay.json")
			require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600))
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(overlay, replace, 0o600))
			out, err := exec.Command("go", "test", "-overlay", overlay, "-run", "^TestSeeds$", ".", "-timeout", "0",
				"-seeds", "10000", "-within", "3m", "-brief", "-v").CombinedOutput()
			seed := regexp.MustCompile(`(?m)seed (\d+): .*$`).Find(out)
			if !assert.True(t, err != nil && seed != nil, "no seed fails") || testing.Verbose() {
				t.Logf("%s\n%s", seed, regexp.MustCompile(`\d+ histories.*`).Find(out))
			}
			if seed == nil && err != nil {
				t.Logf("%s", out) // it does not compile, most often
			}
		})
	}
}
