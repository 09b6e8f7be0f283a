// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine outlives the tests: connections end with their directory, look-ups by
// their time-out.
func TestMain(m *testing.M) { goleak.VerifyTestMain(closing{m}) }

// closing are tests after which the process's Spine is closed.
type closing struct{ *testing.M }

func (c closing) Run() int {
	defer spine().Close()
	return c.M.Run()
}
