// SPDX-License-Identifier: Apache-2.0

package nrlsecurity_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// TestThreats holds THREATS.md against the code: each rule of the three packages has
// a row in its section, and no row is of no rule; each test that is named exists, and
// passed if TEST_LOG names a log.
func TestThreats(t *testing.T) {
	t.Parallel()
	rules := map[string][]string{
		"Certificates and connections (tlsconfig, revocation)": constants(t, "tlsconfig/front/errors.go"),
		"Requests (asid)":    append(constants(t, "asid/rule.go"), "registry"),
		"Pointers (pointer)": constants(t, "pointer/rule.go"),
	}
	for r := tlsconfig.Rule(1); !strings.HasPrefix(r.String(), "rule("); r++ {
		section := "Certificates and connections (tlsconfig, revocation)"
		rules[section] = append(rules[section], r.String())
	}
	page, err := os.ReadFile("THREATS.md")
	require.NoError(t, err)
	passed := testsOfLog(t)
	found, section := map[string][]string{}, ""
	for line := range strings.Lines(string(page)) {
		if heading, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			section = heading
		}
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || rules[section] == nil || strings.Contains(line, "---") || strings.HasPrefix(line, "| rule |") {
			continue
		}
		found[section] = append(found[section], strings.TrimPrefix(cells[0], "| "))
		tests := quotedItems(cells[2])
		assert.NotEmpty(t, tests, line)
		for _, test := range tests {
			folder, name, _ := strings.Cut(test, " ")
			assert.True(t, declared(t, folder, true)[name], "THREATS.md names the test %s", test)
			assert.True(t, passed == nil || passed[test], "%s did not pass in this run", test)
		}
	}
	for section, want := range rules {
		assert.ElementsMatch(t, want, found[section], section)
	}
}

// constants returns the values of the string constants of a file.
func constants(t *testing.T, file string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, value := range spec.Values {
				if text, ok := value.(*ast.BasicLit); ok && text.Kind == token.STRING {
					word, err := strconv.Unquote(text.Value)
					require.NoError(t, err)
					values = append(values, word)
				}
			}
		}
		return true
	})
	return values
}
