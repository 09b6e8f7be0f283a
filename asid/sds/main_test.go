// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine outlives the tests: connections end with their directory, look-ups by
// their time-out.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
