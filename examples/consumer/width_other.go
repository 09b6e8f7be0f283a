// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package main

import "os"

// terminalWidth returns zero: the width is not known.
func terminalWidth(*os.File) int { return 0 }
