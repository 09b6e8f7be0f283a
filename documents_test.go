// SPDX-License-Identifier: Apache-2.0

package nrlsecurity_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A path in backticks, or the target of a link within the repository.
var namedPath = regexp.MustCompile("`([a-z.][a-zA-Z0-9_.]*(?:/[a-zA-Z0-9_.]+)+)`|\\]\\(([a-zA-Z.][^):]*)\\)")

// TestDocumentsNameWhatIsThere holds the pages against the tree: each file and folder
// that they name exists.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "PRODUCTION.md", "README.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		paths := 0
		for _, match := range namedPath.FindAllStringSubmatch(string(text), -1) {
			path := match[1] + match[2]
			if path == "testing/synctest" || match[2] != "" && !strings.ContainsAny(path, "./") {
				continue // the standard library's; the arguments of a function in a snippet
			}
			_, err := os.Stat(path)
			assert.NoError(t, err, "%s names %s", page, path)
			paths++
		}
		assert.NotZero(t, paths, page)
	}
}

// TestPackagesPullInWhatTheREADMESays holds the table of modules against the imports.
func TestPackagesPullInWhatTheREADMESays(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("asks the go command")
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(readme), "| package | modules |")
	table, _, _ = strings.Cut(table, "\n\n")
	const ours = "github.com/nrlsecurity/nrlsecurity"
	packages := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 2 || strings.HasPrefix(cells[0], "-") {
			continue
		}
		want := strings.Split(cells[1], ", ")
		if cells[1] == "none" {
			want = nil
		}
		for _, folder := range quotedItems(cells[0]) {
			out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./"+folder).Output()
			require.NoError(t, err, folder)
			found := map[string]bool{}
			for module := range strings.FieldsSeq(string(out)) {
				if module != ours {
					found[module] = true
				}
			}
			assert.Len(t, found, len(want), "%s pulls in %v", folder, found)
			for module := range found {
				assert.True(t, slices.ContainsFunc(want, func(name string) bool { return strings.Contains(module, name) }), "%s pulls in %s", folder, module)
			}
			packages++
		}
	}
	assert.Greater(t, packages, 10)
}
