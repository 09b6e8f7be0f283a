// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoCharsetIsClaimedForTextThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"UTF-8":              {"a.html", "é", ""},
		"Latin-1":            {"a.html", "\xe9t\xe9", "text/html"},
		"a long text, cut":   {"a.css", "x" + strings.Repeat("é", 64<<10), ""},
		"empty":              {"a.html", "", ""},
		"no text":            {"a.pdf", "\xe9", ""},
		"a name without end": {"a", "\xe9", ""},
	} {
		header := make(http.Header)
		content := strings.NewReader(c.text)
		require.NoError(t, plainType(header, c.file, content), name)
		assert.Equal(t, c.want, header.Get("Content-Type"), name)
		assert.Equal(t, len(c.text), content.Len(), "what was read is read again")
	}
}
