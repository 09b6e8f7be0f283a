// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package terminator

import "os"

// startWriteback leaves all of it to Sync.
func startWriteback(*os.File, int64, int64) {}
