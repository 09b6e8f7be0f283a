// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package corpus_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var only = flag.String("only", "", "try the mutations whose rule contains this")

func mutations() []mutation {
	return slices.Concat(handshakeMutations, revocationMutations, frontMutations, requestMutations, pointerMutations)
}

// Each edit is of a line that the library has, once: this takes a second, and the
// table a quarter of an hour and more.
func TestMutationsAreOfTheLibraryAsItIs(t *testing.T) {
	for _, m := range mutations() {
		t.Run(m.rule, func(t *testing.T) {
			overlay(t, t.TempDir(), slices.Concat(m.out, m.front))
		})
	}
}

// TestEachRuleIsDecidedByACase takes each rule of the tables out of the library, and
// then a case that it refused must be let through. A rule that another one backs is
// taken out together with that: a case is then let through that is not with only one
// of the two gone. It prints the table. The tree is left as it is; the compiler is
// given the changed files in place of the others. As many rules are tried at a time as
// -parallel says.
func TestEachRuleIsDecidedByACase(t *testing.T) {
	rules := slices.DeleteFunc(mutations(), func(m mutation) bool { return !strings.Contains(m.rule, *only) })
	rows := make([]string, len(rules))
	t.Run("rules", func(t *testing.T) {
		for i, m := range rules {
			t.Run(m.rule, func(t *testing.T) {
				t.Parallel()
				cases := m.cases(t)
				require.NotEmpty(t, cases, "no case is decided by it")
				rows[i] = fmt.Sprintf("| %s | %s | %d | %s |\n", m.rule, m.behind, len(cases), cases[0])
				t.Log(rows[i])
			})
		}
	})
	fmt.Printf("\n| the rule | second to | cases that it decides | the first of them |\n| --- | --- | --- | --- |\n%s\n", strings.Join(rows, ""))
}

// cases returns the cases that the mutation decides.
func (m *mutation) cases(t *testing.T) []string {
	out := m.try(t, m.out)
	if m.behind == "" {
		return slices.Sorted(maps.Keys(out))
	}
	assert.Empty(t, out, "it has cases of its own, and is not second to another rule")
	both := maps.Clone(m.try(t, slices.Concat(m.out, m.front)))
	for name := range m.try(t, m.front) {
		delete(both, name)
	}
	return slices.Sorted(maps.Keys(both))
}

// try runs the corpus without some rules, and returns the cases that are let through,
// or where the rule chooses and does not refuse, those whose choice is another.
func (m *mutation) try(t *testing.T, edits []edit) map[string]bool {
	folder, err := filepath.Abs(filepath.Join("../..", m.tests))
	require.NoError(t, err)
	file, program := overlay(t, folder, edits), filepath.Join(t.TempDir(), "mutated.test")
	key := fmt.Sprintf("%s %v %q", m.tests, m.chooses, edits)
	run, _ := tried.LoadOrStore(key, sync.OnceValues(func() (map[string]bool, error) { return m.run(folder, file, program) }))
	through, err := run.(func() (map[string]bool, error))()
	require.NoError(t, err)
	return through
}

// tried has the runs of try: several rules are second to the same one.
var tried sync.Map

// run runs the corpus of the package in a folder, with the overlay's files.
func (m *mutation) run(folder, overlay, program string) (map[string]bool, error) {
	build := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", program, ".")
	build.Dir = folder
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	run := exec.Command("go", "tool", "test2json", program, "-test.v=test2json", "-test.run", "^TestCorpus")
	run.Dir = folder
	events, _ := run.Output() // fails if a case does
	outputs := map[string]*strings.Builder{}
	through := map[string]bool{}
	decoder := json.NewDecoder(bytes.NewReader(events))
	for decoder.More() {
		var event struct{ Action, Test, Output string }
		if err := decoder.Decode(&event); err != nil {
			return nil, err
		}
		_, name, isCase := strings.Cut(event.Test, "/")
		switch {
		case !isCase:
		case event.Action == "output":
			if outputs[event.Test] == nil {
				outputs[event.Test] = new(strings.Builder)
			}
			outputs[event.Test].WriteString(event.Output)
		case event.Action == "fail" && (m.chooses || strings.Contains(outputs[event.Test].String(), "let through")):
			through[strings.ReplaceAll(name, "_", " ")] = true
		}
	}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("the corpus was not run: %s", events)
	}
	return through, nil
}

// overlay writes the changed files and returns the file that tells the compiler of
// them, and that there are no other tests in the folder tests than those of the corpus
// and what they need: to compile tests is slower than to run them.
func overlay(t *testing.T, tests string, edits []edit) string {
	folder := t.TempDir()
	changed := map[string]string{}
	for _, e := range edits {
		path, err := filepath.Abs(filepath.Join("../..", e.file))
		require.NoError(t, err)
		if _, ok := changed[path]; !ok {
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			changed[path] = string(source)
		}
		require.Equal(t, 1, strings.Count(changed[path], e.old), "%s has changed: %s", e.file, e.old)
		changed[path] = strings.Replace(changed[path], e.old, e.new, 1)
	}
	replace := map[string]string{}
	files, err := filepath.Glob(filepath.Join(tests, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		switch name := filepath.Base(file); {
		case strings.HasPrefix(name, "corpus"), name == "kit_test.go", name == "front_test.go", filepath.Base(tests) == "openssl":
		default:
			replace[file] = "" // it is not there
		}
	}
	for path, source := range changed {
		replace[path] = filepath.Join(folder, fmt.Sprintf("%d.go", len(replace)))
		require.NoError(t, os.WriteFile(replace[path], []byte(source), 0o600))
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file := filepath.Join(folder, "overlay.json")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	return file
}
