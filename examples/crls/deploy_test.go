// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

const installed = "/usr/local/bin/crls"

// TestUnitsAreVerified: by systemd, and what they start knows its flags.
func TestUnitsAreVerified(t *testing.T) {
	t.Parallel()
	analyze := testenv.Need(t, "systemd-analyze", "systemd")
	testenv.Need(t, "nginx", "nginx") // which a unit starts
	testenv.Need(t, "stunnel", "stunnel4")
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	units, err := filepath.Glob("deploy/*.[sp]*") // services, sockets and paths
	require.NoError(t, err)
	require.Len(t, units, 5)
	starts := 0
	args := []string{"verify", "--man=no"}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if _, command, ok := strings.Cut(strings.TrimSpace(line), installed+" "); ok {
				_, err := parse(strings.Fields(command), io.Discard)
				assert.NoError(t, err, line)
				starts++
			}
		}
		copied := filepath.Join(dir, filepath.Base(unit))
		require.NoError(t, os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), installed, self)), 0o600))
		args = append(args, copied)
	}
	assert.Equal(t, 2, starts)
	out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
	assert.NoError(t, err, string(out))
	for _, unit := range units { // what is wrong elsewhere on the machine is none of ours
		assert.NotContains(t, string(out), filepath.Base(unit)+":")
	}
}

const manifest = "deploy/sidecar.yaml"

// TestManifestIsOfKubernetesAPI: by its models.
func TestManifestIsOfKubernetesAPI(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts Python four times")
	}
	const python, models = "/usr/bin/python3", "/usr/lib/python3/dist-packages/kubernetes"
	if _, err := os.Stat(models); err != nil {
		testenv.Missing(t, models+" is missing: install the package python3-kubernetes")
	}
	check := func(file string) string {
		out, err := exec.CommandContext(t.Context(), python, "testdata/manifest.py", file).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	assert.Equal(t, "V1Deployment\n", check(manifest))

	text, err := os.ReadFile(manifest)
	require.NoError(t, err)
	for of, with := range map[string]string{"readOnly:": "readonly:", "runAsUser: 65532": "runAsUser: nobody", "- name: crls-once": "- label: crls-once"} {
		require.Contains(t, string(text), of)
		broken := filepath.Join(t.TempDir(), "broken.yaml")
		require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(text), of, with, 1)), 0o600))
		assert.Contains(t, check(broken), "Deployment.spec.template.spec", "%s is not seen", with)
	}
}

// What the manifest starts knows its flags.
func TestManifestStartsWithKnownFlags(t *testing.T) {
	t.Parallel()
	type container struct {
		Name, Image string
		Args        []string
	}
	var deployment struct {
		Spec struct {
			Template struct {
				Spec struct {
					InitContainers []container `yaml:"initContainers"`
					Containers     []container
				}
			}
		}
	}
	text, err := os.ReadFile(manifest)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &deployment))
	starts := 0
	for _, c := range append(deployment.Spec.Template.Spec.InitContainers, deployment.Spec.Template.Spec.Containers...) {
		if strings.Contains(c.Image, "/crls:") {
			_, err := parse(c.Args, io.Discard)
			assert.NoError(t, err, c.Name)
			starts++
		}
	}
	assert.Equal(t, 2, starts)
}
