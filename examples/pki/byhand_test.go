// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// pageCommands returns the command lines of the part "By hand" of the examples' page,
// with what they call $spine.
func pageCommands(t *testing.T) (commands []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	_, part, ok := strings.Cut(string(page), "\n## By hand\n")
	require.True(t, ok)
	part, _, _ = strings.Cut(part, "\n## ")
	var spine string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(part, -1) {
		for line := range strings.Lines(block[1]) {
			switch line = strings.TrimSpace(line); {
			case strings.HasPrefix(line, "spine="):
				spine = strings.Trim(strings.TrimPrefix(line, "spine="), `"`)
			case line != "":
				commands = append(commands, strings.ReplaceAll(line, "$spine", spine))
			}
		}
	}
	return commands
}

// TestByHand does what the page says, in its order, on other ports than the page's.
func TestByHand(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds five programs")
	}
	testenv.Need(t, "sh", "dash")
	dir, programs := t.TempDir(), t.TempDir()
	build := []string{"build", "-ldflags", "-s -w", "-o", programs}
	for _, name := range []string{"pki", "provider", "consumer", "probe", "nrl"} {
		build = append(build, "../"+name)
	}
	out, err := exec.CommandContext(t.Context(), testenv.Need(t, "go", "golang"), build...).CombinedOutput()
	require.NoError(t, err, "%s", out)

	provider, nrl := testenv.FreeAddress(t), testenv.FreeAddress(t)
	replace := strings.NewReplacer("127.0.0.1:8443", provider, "127.0.0.1:8444", nrl, "go run ./examples/", programs+"/", " try", " "+dir+"/try")
	answers := map[string]string{ // what a command is to have printed, by its program and first argument
		"consumer -url": "status 200 OK",
		"consumer -nrl": "CUSTODIAN",
		"probe -cert":   "conformant",
		"pki " + dir:    "roots.pem",
	}
	for _, command := range pageCommands(t) {
		command = replace.Replace(command)
		args := strings.Fields(command)
		if len(args) > 2 && args[1] == "-listen" {
			testenv.Start(t, []string{args[2]}, args[0], args[1:]...)
			continue
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
		for begins, want := range answers {
			if strings.HasPrefix(strings.TrimPrefix(command, programs+"/"), begins) {
				assert.Contains(t, string(out), want, command)
				delete(answers, begins)
			}
		}
	}
	assert.Empty(t, answers, "commands that the page does not have")
}
