// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryRequestIsAnsweredAsItShouldBe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out), out.String())
	assert.NotContains(t, out.String(), "WRONG")
	assert.GreaterOrEqual(t, strings.Count(out.String(), "\n"), 12+3, "at least a dozen requests")
}
