// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"io"
	"log"
)

// discard is the log of servers whose handshakes fail on purpose.
var discard = log.New(io.Discard, "", 0)
