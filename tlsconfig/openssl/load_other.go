// SPDX-License-Identifier: Apache-2.0

//go:build !(linux && (amd64 || arm64))

package openssl

import (
	"fmt"
	"runtime"
)

func load(string, string) (*library, error) {
	return nil, fmt.Errorf("this engine runs on linux/amd64 and linux/arm64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
}

// Neither is reached: without load there is no library to call.

func callback(any) uintptr { panic("libssl is not loaded") }

func call(uintptr, ...uintptr) uintptr { panic("libssl is not loaded") }
