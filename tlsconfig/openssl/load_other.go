//go:build !(linux && (amd64 || arm64))

package openssl

import (
	"fmt"
	"runtime"
)

func load() (*library, error) {
	return nil, fmt.Errorf("this engine runs on linux/amd64 and linux/arm64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
}

// call is never reached: without load there is no library to call.
func call(uintptr, ...uintptr) uintptr {
	panic("libssl is not loaded")
}
