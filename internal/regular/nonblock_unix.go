// SPDX-License-Identifier: Apache-2.0

//go:build unix

package regular

import "syscall"

// nonBlock opens a FIFO without waiting for a writer.
const nonBlock = syscall.O_NONBLOCK
