// SPDX-License-Identifier: Apache-2.0

package corpus_test

import (
	"io/fs"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/corpus"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// What is committed is what the generator makes, octet by octet, and nothing else.
func TestCorpusIsAsItIsGenerated(t *testing.T) {
	t.Parallel()
	generated := corpus.Generate()
	for _, name := range corpus.Paths(generated) {
		data, err := testdata.FS.ReadFile(name)
		require.NoError(t, err, "run go run ./internal/corpus/generate testdata")
		require.True(t, string(generated[name]) == string(data), "%s differs: run go run ./internal/corpus/generate testdata", name)
	}
	require.NoError(t, fs.WalkDir(testdata.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			assert.Contains(t, generated, path.Clean(name), "a file that nothing generates")
		}
		return err
	}))
}

// Each case has a kind, a verdict and the rule that goes with it.
func TestEveryCaseSaysWhatItIs(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, c := range testdata.Cases() {
		assert.False(t, names[c.Name], c.Name)
		names[c.Name] = true
		kinds := 0
		for _, set := range []bool{c.Certificate != nil, c.Offer != nil, c.Request != nil} {
			if set {
				kinds++
			}
		}
		assert.Equal(t, 1, kinds, c.Name)
		assert.NotEmpty(t, c.Clause, c.Name)
		assert.Equal(t, c.Verdict == testdata.Refuse, c.Rule != "", c.Name)
	}
}
