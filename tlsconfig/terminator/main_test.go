// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"testing"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.Overlap()
	m.Run()
}
