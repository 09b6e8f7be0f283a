// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
)

// The configuration has the secret, so no other user may read it, also where a file of
// before was open to all.
func TestFilesAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	pair := files.Leaf(t, "provider.nhs.uk")
	dir := t.TempDir()
	secret, config := filepath.Join(dir, "secret"), filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(secret, []byte(strings.Repeat("0123456789abcdef", 2)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(config, []byte("of before"), 0o644))
	args := []string{"-program", "nginx", "-listen", "127.0.0.1:8443", "-backend", "127.0.0.1:8080", "-secret", secret,
		"-cert", pair.Cert, "-key", pair.Key, "-roots", files.Roots, "-subcas", files.SubCAs, "-crls", files.CRL, "-dir", dir}
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard))
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	assert.Contains(t, string(text), strings.Repeat("0123456789abcdef", 2))
	for _, name := range []string{"nginx.conf", "cas.pem", "dhparams.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode(), name)
	}
}

// A proxy that reloads meanwhile finds the file of before or the new one, and never none.
func TestFilesAreReplacedWhole(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "nginx.conf")
	contents := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	require.NoError(t, write(name, contents))
	written := make(chan error, 1)
	go func() {
		for range 100 {
			if err := write(name, contents); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for {
		found, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, bytes.Equal(contents, found), "%d octets", len(found))
		select {
		case err := <-written:
			require.NoError(t, err)
			entries, err := os.ReadDir(filepath.Dir(name))
			require.NoError(t, err)
			assert.Len(t, entries, 1)
			return
		default:
		}
	}
}

// What is not said would be the folder that the program is started in.
func TestMissingFilesAreNamed(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	pair := files.Leaf(t, "provider.nhs.uk")
	args := map[string]string{"-program": "nginx", "-listen": "127.0.0.1:8443", "-backend": "unix:/run/records/front.sock",
		"-cert": pair.Cert, "-key": pair.Key, "-roots": files.Roots, "-subcas": files.SubCAs, "-dir": t.TempDir()}
	for _, missing := range []string{"-cert", "-key", "-roots", "-subcas", "-dir"} {
		var given []string
		for flag, value := range args {
			if flag != missing {
				given = append(given, flag, value)
			}
		}
		require.ErrorContains(t, run(t.Context(), given, io.Discard, io.Discard), missing)
	}
}
