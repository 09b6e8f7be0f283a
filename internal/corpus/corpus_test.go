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
	if testing.Short() {
		t.Skip("makes the corpus anew")
	}
	generated := corpus.Generate()
	for _, name := range corpus.Paths(generated) {
		data, err := testdata.FS.ReadFile(name)
		require.NoError(t, err, "run go run ./internal/corpus/generate testdata")
		require.True(t, string(generated[name]) == string(data), "%s differs: run go run ./internal/corpus/generate testdata", name)
	}
	require.NoError(t, fs.WalkDir(testdata.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			_, ok := generated[path.Clean(name)]
			assert.True(t, ok, "nothing generates %s", name)
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
		for _, set := range []bool{c.Certificate != nil, c.Offer != nil, c.Request != nil, c.Registry != nil, c.Pointer != nil, c.Change != nil, c.Front != nil} {
			if set {
				kinds++
			}
		}
		assert.Equal(t, 1, kinds, c.Name)
		assert.NotEmpty(t, c.Clause, c.Name)
		assert.Equal(t, c.Verdict == testdata.Refuse, c.Rule != "", c.Name)
	}
}

// Each row of the NRL's error table has a case that is answered with it.
func TestEveryRowOfTheErrorTableHasACase(t *testing.T) {
	t.Parallel()
	type row struct {
		status               int
		issue, code, display string
	}
	rows := map[row]string{
		{400, "invalid", "MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid"}:                  "ASID headers",
		{400, "structure", "MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid"}:                "Authorization",
		{403, "forbidden", "ASID_CHECK_FAILED", "The sender or receiver's ASID is not authorised for this interaction"}: "the ASID",
		{403, "forbidden", "ACCESS_DENIED", "Access has been denied to process this request"}:                           "the client certificate",
		{403, "forbidden", "ACCESS_DENIED_SSL", "SSL Protocol or Cipher requirements not met"}:                          "TLS behind a proxy",
		{400, "invalid", "INVALID_RESOURCE", "Resource is invalid : custodian"}:                                         "the custodian",
		{400, "invalid", "INVALID_RESOURCE", "Resource is invalid : relatesTo"}:                                         "relatesTo",
		{404, "not-found", "NO_RECORD_FOUND", "No record found"}:                                                        "no such pointer",
		{400, "invalid", "BAD_REQUEST", "Bad request"}:                                                                  "not current",
		{400, "value", "INVALID_REQUEST_MESSAGE", "Invalid Request Message"}:                                            "a malformed body",
		{400, "invalid", "INVALID_RESOURCE", "Resource is invalid : class"}:                                             "a mandatory element",
		{400, "duplicate", "DUPLICATE_REJECTED", "Create would lead to creation of a duplicate resource"}:               "a duplicate",
		{415, "invalid", "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"}:                                            "a media type",
	}
	for _, c := range testdata.Cases() {
		r := c.Request
		if c.Change != nil {
			r = &c.Change.Request
		}
		if r != nil {
			assert.Equal(t, c.Verdict == testdata.Refuse, r.Status != 0, c.Name)
			delete(rows, row{r.Status, r.Issue, r.Code, r.Display})
		}
	}
	assert.Empty(t, rows)
}
