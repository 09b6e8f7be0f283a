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
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var only = flag.String("only", "", "play the mutations whose name contains this")

// TestMutations shows that histories tell the package from what it would be without
// one of its rules: the seed of each mutation in the table fails, or another one of
// the first 10,000 does, which is named. The tree is left as it is; the compiler is
// given the changed file in place of the other.
func TestMutations(t *testing.T) {
	for _, m := range mutations {
		if !strings.Contains(m.name, *only) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			program := m.build(t)
			// What processes do at random is no matter of the seed.
			for range 3 {
				if _, failed := playMutated(t, program, m.seed, 1); failed != "" {
					t.Log(failed)
					return
				}
			}
			played, failed := playMutated(t, program, 1, 10000)
			assert.NotEmpty(t, failed, "no seed fails")
			t.Logf("seed %d does not tell any more; %s; %s", m.seed, failed, played)
		})
	}
}

// build makes the tests of this folder with the mutation in the package.
func (m *mutation) build(t *testing.T) (program string) {
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
	program = filepath.Join(t.TempDir(), "mutated.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// playMutated plays histories and returns how many, and what is wrong in the first
// that fails, nothing if none does.
func playMutated(t *testing.T, program string, first uint64, count int) (played, failed string) {
	out, err := exec.Command(program, "-test.run", "^TestSeeds$", "-test.timeout", "0", "-test.v", "-brief", "-within", "20m",
		"-first", strconv.FormatUint(first, 10), "-seeds", strconv.Itoa(count)).CombinedOutput()
	failed = string(regexp.MustCompile(`(?m)seed \d+: .*$`).Find(out))
	require.Equal(t, failed != "", err != nil, "%s", out)
	return string(regexp.MustCompile(`\d+ histories.*`).Find(out)), failed
}
