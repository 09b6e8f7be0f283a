// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/asidyaml"
)

// The registries that need no directory, on the systems of the others.
func TestRegistriesAgree(t *testing.T) {
	t.Parallel()
	memory, err := asid.NewMemory(rr8(), rxa())
	require.NoError(t, err)
	registries := map[string]asid.Registry{"memory": memory}
	for name, text := range map[string]string{
		"systems.json": `{"systems": [
			{"asid": "200000000205", "ods": ["RR8"], "fqdns": ["` + sharedFQDN + `"],
			 "interactions": ["` + nrlInteractions[0] + `", "` + nrlInteractions[1] + `", "` + nrlInteractions[2] + `"]},
			{"asid": "200000000206", "ods": ["RXA"], "fqdns": ["` + sharedFQDN + `"], "interactions": ["` + nrlInteractions[0] + `"]}]}`,
		"systems.yaml": "systems:\n- asid: 200000000205\n  ods: [RR8]\n  fqdns: [" + sharedFQDN + "]\n  interactions:\n  - " +
			nrlInteractions[0] + "\n  - " + nrlInteractions[1] + "\n  - " + nrlInteractions[2] +
			"\n- asid: 200000000206\n  ods: [RXA]\n  fqdns: [" + sharedFQDN + "]\n  interactions: [\"" + nrlInteractions[0] + "\"]\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		file := &asid.File{Name: path, Settle: time.Nanosecond}
		if strings.HasSuffix(name, ".yaml") {
			file.Decode = asidyaml.Decode
		}
		require.NoError(t, file.Load())
		registries[name] = file
	}
	for name, registry := range registries {
		assert.NoError(t, asidtest.TestRegistry(registry, rr8(), rxa()), name)
	}
}
