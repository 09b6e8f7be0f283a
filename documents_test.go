// SPDX-License-Identifier: Apache-2.0

package nrlsecurity_test

import (
	"os"
	"os/exec"
	"path/filepath"
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

// Names of functions and types, and in brackets the file that declares them.
var namedIn = regexp.MustCompile("((?:`[A-Za-z.]+`(?:,|\\s+and)?\\s+)*)(?:\\(|\\(`([A-Za-z.]+)`,\\s+)`([a-z/0-9]+\\.go)`")

// TestPagesNameWhereThingsAre holds the way of a request in ARCHITECTURE.md and that of
// a new rule in CONTRIBUTING.md against the code: each function is declared in the file
// that is named beside it.
func TestPagesNameWhereThingsAre(t *testing.T) {
	t.Parallel()
	for _, part := range []struct {
		page, heading string
		least         int
	}{
		{"ARCHITECTURE.md", "## The way of a handshake and of a request", 20},
		{"CONTRIBUTING.md", "## Adding a rule", 2},
	} {
		text, err := os.ReadFile(part.page)
		require.NoError(t, err)
		_, way, _ := strings.Cut(string(text), part.heading)
		way, _, _ = strings.Cut(way, "\n## ")
		found := 0
		for _, match := range namedIn.FindAllStringSubmatch(way, -1) {
			declared := declaredIn(t, match[3])
			for _, name := range append(quotedItems(match[1]), match[2]) {
				if name != "" {
					assert.True(t, declared[name], "%s has %s in %s", part.page, name, match[3])
					found++
				}
			}
		}
		assert.GreaterOrEqual(t, found, part.least, part.page)
	}
}

// A name of Go's in backticks, of this module's packages or the standard library's.
var namedSymbol = regexp.MustCompile("`(?:go )?([A-Za-z]+(?:\\.[A-Z][A-Za-z]*)*)(?:\\([a-z]*\\))?`")

// TestProductionNamesWhatThePackagesHave holds PRODUCTION.md against the code: each
// name in backticks that begins with a capital, or a package, is one that a
// package exports, and each text of the log is one that is logged.
func TestProductionNamesWhatThePackagesHave(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("PRODUCTION.md")
	require.NoError(t, err)
	names, source := map[string]bool{}, new(strings.Builder)
	for _, folder := range []string{"asid", "asid/asidtest", "asid/sds", "pointer", "pointer/pointertest", "revocation", "tlsconfig", "tlsconfig/encryptedkey",
		"tlsconfig/front", "tlsconfig/pkcs12", "tlsconfig/spinetest", "tlsconfig/terminator"} {
		for name := range declared(t, folder, false) {
			names[name], names[folder[strings.LastIndex(folder, "/")+1:]+"."+name] = true, true
			if _, member, ok := strings.Cut(name, "."); ok {
				names[member] = true // as it is called beside its type
			}
		}
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(folder), "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			source.Write(text)
		}
	}
	// The standard library's, which the compiler holds in the snippets of README.md, and
	// what is of another program's or an RFC's.
	others := regexp.MustCompile(`^((http|slog)\.\w.*|(Read|ReadHeader|Idle|IdleConn|Write)Timeout|CAfile)$`)
	found := 0
	for _, match := range namedSymbol.FindAllStringSubmatch(string(page), -1) {
		name := match[1]
		if !regexp.MustCompile(`[A-Z]`).MatchString(name) || others.MatchString(name) || name == "anyExtendedKeyUsage" {
			continue
		}
		if first, rest, _ := strings.Cut(name, "."); (first == "crls" || first == "file") && rest == "Run" {
			name = map[string]string{"crls": "CRLs", "file": "File"}[first] + ".Run" // a variable of the snippets
		}
		assert.True(t, names[name], "PRODUCTION.md has %s", match[0])
		found++
	}
	assert.Greater(t, found, 40)
	for _, match := range regexp.MustCompile("`([a-z]+(?:,? [a-z]+){1,})`").FindAllStringSubmatch(string(page), -1) {
		assert.Contains(t, source.String(), match[1], "PRODUCTION.md has %s as a text of the log", match[0])
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
