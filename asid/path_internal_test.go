// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

// The characters beyond ASCII of which NFKC of Unicode 14 makes syntax, but for the
// numbers and abbreviations with a full stop and the ellipses; and three that are slashes
// to Windows' code pages.
func TestCharactersThatBecomeSyntaxAreKnown(t *testing.T) {
	t.Parallel()
	want := map[rune]string{
		'\u2024': ".", '\uFE52': ".", '\uFF0E': ".", '\u2025': "..", '\uFE30': "..",
		'\u2100': "/", '\u2101': "/", '\u2105': "/", '\u2106': "/", '\uFF0F': "/", '\uFF3C': `\`, '\uFE68': `\`,
		'\u2044': "/", '\u2215': "/", '\u2216': `\`,
		'\uFF05': "%", '\uFE6A': "%", '\uFF03': "#", '\uFE5F': "#", '\u037E': ";", '\uFE14': ";", '\uFE54': ";", '\uFF1B': ";",
		'\u2047': "?", '\u2048': "?", '\u2049': "?", '\uFE16': "?", '\uFE56': "?", '\uFF1F': "?",
	}
	for c := rune(0); c <= utf8.MaxRune; c++ {
		if plain := compatible(c); strings.ContainsAny(plain, syntax) || want[c] != "" {
			assert.Equal(t, want[c], plain, "%U", c)
		}
	}
	assert.Equal(t, "A-z~", normalised("\uFF21\uFF0D\uFF5A\uFF5E"))
	assert.Equal(t, "\u00E9\u2026\u00BD\uFF00\uFF5F", normalised("\u00E9\u2026\u00BD\uFF00\uFF5F"))
}
