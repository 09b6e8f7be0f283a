// SPDX-License-Identifier: Apache-2.0

package nrlsecurity_test

import (
	"os"
	"regexp"
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
	for _, page := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"} {
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
		assert.Greater(t, paths, 4, page)
	}
}
