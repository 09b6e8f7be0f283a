// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/pem"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

func block(kind string, content string) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(content)})
}

func TestFilesAreSplit(t *testing.T) {
	t.Parallel()
	one, two := block(pemType, "one"), block(pemType, "two")
	for name, test := range map[string]struct {
		data []byte
		want []string
	}{
		"DER":                                   {[]byte("0\x03\x02\x01\x00"), []string{"0\x03\x02\x01\x00"}},
		"one block":                             {one, []string{"one"}},
		"two blocks":                            {append(bytes.Clone(one), two...), []string{"one", "two"}},
		"text before, between and behind":       {append(append([]byte("Certificate Revocation List (CRL):\n    Version 2\n"), one...), append([]byte("text\n"), append(two, "end\n"...)...)...), []string{"one", "two"}},
		"a byte order mark":                     {append([]byte("\xef\xbb\xbf"), one...), []string{"one"}},
		"a byte order mark before DER":          {[]byte("\xef\xbb\xbf0\x03\x02\x01\x00"), []string{"0\x03\x02\x01\x00"}},
		"line ends of another system":           {bytes.ReplaceAll(one, []byte("\n"), []byte("\r\n")), []string{"one"}},
		"no line end behind the last block":     {bytes.TrimSuffix(one, []byte("\n")), []string{"one"}},
		"one list twice, as tools put together": {append(bytes.Clone(one), one...), []string{"one", "one"}},
		"line ends of two systems in a block":   {bytes.ReplaceAll(append(bytes.Clone(one), two...), []byte("CRL-----\n-----B"), []byte("CRL-----\r\n-----B")), []string{"one", "two"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blocks, err := Split(test.data, math.MaxInt)
			require.NoError(t, err)
			var got []string
			for _, b := range blocks {
				got = append(got, string(b))
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// What reading a block costs does not grow with what comes behind it: these would
// take longer than a test may.
func TestManyBlocksAreReadOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes a list of many blocks")
	}
	const many = 200_000
	usual := block(pemType, "one")
	for name, one := range map[string][]byte{
		"usual":                       usual,
		"a line end of another kind":  append(bytes.Clone(usual[:len(usual)-1]), "\r\n"...),
		"line ends of another system": bytes.ReplaceAll(usual, []byte("\n"), []byte("\r\n")),
	} {
		blocks, err := Split(bytes.Repeat(one, many), many)
		require.NoError(t, err, name)
		assert.Len(t, blocks, many, name)
	}
}

// A file that cannot be read as a whole is an error, which says what was found.
func TestFilesAreRefused(t *testing.T) {
	t.Parallel()
	one := block(pemType, "one")
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                             {nil, "empty"},
		"HTML":                                {[]byte("<html>"), "neither DER nor a PEM block"},
		"UTF-16":                              {[]byte("\xff\xfe-\x00-\x00"), "UTF-16"},
		"a certificate":                       {block("CERTIFICATE", "x"), `block 1 is a "CERTIFICATE"`},
		"a certificate behind":                {append(bytes.Clone(one), block("CERTIFICATE", "x")...), `block 2 is a "CERTIFICATE"`},
		"headers":                             {pem.EncodeToMemory(&pem.Block{Type: pemType, Headers: map[string]string{"a": "b"}, Bytes: []byte("x")}), "headers"},
		"text that ends before the last line": {bytes.Replace(block(pemType, string(make([]byte, 60))), []byte("AAAA\n"), []byte("AA==\n"), 1), "block 1 is damaged"},
		"a block that does not end":           {one[:len(one)-12], "damaged"},
		"a damaged block before":              {append(bytes.Replace(bytes.Clone(one), []byte("\n"), []byte("\n!"), 1), one...), "block 1 is damaged"},
		"a damaged block behind":              {append(bytes.Clone(one), one[:len(one)-12]...), "block 2 is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blocks, err := Split(test.data, math.MaxInt)
			require.ErrorIs(t, err, der.ErrMalformed)
			assert.ErrorContains(t, err, test.want)
			assert.Nil(t, blocks)
		})
	}
}

// A large block is decoded in parts, side by side.
func TestLargeBlockIsDecodedAsAWhole(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{3 * linesAtOnce * pemContent, 3*linesAtOnce*pemContent - 1, 3*linesAtOnce*pemContent + 1, 2*linesAtOnce*pemContent + 47} {
		content := make([]byte, size)
		_, _ = random.Read(content)
		text := block(pemType, string(content))
		got, rest, ok := decodeUsual(text)
		require.True(t, ok)
		assert.True(t, bytes.Equal(content, got))
		assert.Empty(t, rest)
		for part := range 8 {
			at := len(pemStart+pemType) + 6 + part*len(text)/9
			damaged, c := bytes.Clone(text), "=!\n\xc3"[part%4]
			if damaged[at] == '\n' {
				at++
			}
			damaged[at] = c
			_, _, ok = decodeUsual(damaged)
			assert.False(t, ok, "%q at %d", c, at)
		}
		ends := bytes.Clone(text)
		ends[len(pemStart+pemType)+6+pemLine] = 'A'
		_, _, ok = decodeUsual(ends)
		assert.False(t, ok, "a line that does not end")
	}
}

// blocksOf returns what encoding/pem finds in a file.
func blocksOf(data []byte) (blocks []*pem.Block) {
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return blocks
		}
		blocks = append(blocks, b)
	}
}

// FuzzSplit holds the quick way of reading a PEM block against encoding/pem, and
// whole files: of what encoding/pem finds in one that is accepted, nothing is missing.
func FuzzSplit(f *testing.F) {
	usual := block(pemType, string(bytes.Repeat([]byte("0123456789"), 30)))
	for _, seed := range [][]byte{
		usual, append(bytes.Clone(usual), usual...), bytes.TrimSuffix(usual, []byte("\n")), block(pemType, ""), block(pemType, "a"),
		bytes.Replace(usual, []byte("MDEy"), []byte("M===\nDEy"), 1), bytes.Replace(usual, []byte("\n"), []byte("\n\n"), 3),
		bytes.Replace(usual, []byte("MDEy"), []byte("MD:y"), 1), bytes.Replace(usual, []byte("MDEy"), []byte("\rDE\n"), 1),
		bytes.Replace(usual, []byte("-----END"), []byte(pemStart+pemType+"-----\n-----END"), 1),
		append(bytes.ReplaceAll(usual, []byte("\n"), []byte("\r\n")), usual...), append([]byte("text "), usual...), append([]byte("0\n"), usual...),
		append(bytes.Clone(usual), block("CERTIFICATE", "x")...), append(block(pemType, ""), usual...),
		append([]byte(pemStart+pemType+"-----\na: b\n"), append(usual, usual...)...),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		split, err := Split(data, math.MaxInt)
		if err == nil && !bytes.Equal(split[0], bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) { // else it is DER
			for _, theirs := range blocksOf(data) {
				require.Equal(t, pemType, theirs.Type)
				require.Empty(t, theirs.Headers)
				at := slices.IndexFunc(split, func(ours []byte) bool { return bytes.Equal(ours, theirs.Bytes) })
				require.GreaterOrEqual(t, at, 0, "%q is missing", theirs.Bytes)
				split = split[at+1:]
			}
		}
		content, rest, ok := decodeUsual(data)
		if !ok {
			return
		}
		theirs, after := pem.Decode(data)
		require.NotNil(t, theirs)
		assert.Equal(t, pemType, theirs.Type)
		assert.Empty(t, theirs.Headers)
		assert.Equal(t, string(theirs.Bytes), string(content))
		assert.Equal(t, string(after), string(rest))
	})
}
