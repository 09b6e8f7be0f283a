// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"errors"
	"os"
	"runtime/debug"
	"strings"
)

var errSHA1 = errors.New("GODEBUG has tlssha1=1, by which crypto/tls makes and accepts signatures with SHA-1 in every handshake, and no config can forbid it")

// checkGODEBUG refuses what weakens the handshakes of the whole process: a peer would
// prove by SHA-1 that it has its key. It is looked at when a config is made: a process
// that sets GODEBUG for itself later is not found.
func checkGODEBUG() error {
	baked := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "DefaultGODEBUG" {
				baked = setting.Value
			}
		}
	}
	if setting(baked+","+os.Getenv("GODEBUG"), "tlssha1") == "1" {
		return errSHA1
	}
	return nil
}

// setting returns the value of a key in a list of key=value, of which the last counts.
func setting(list, key string) (value string) {
	for pair := range strings.SplitSeq(list, ",") {
		if k, v, ok := strings.Cut(pair, "="); ok && k == key {
			value, _, _ = strings.Cut(v, "#")
		}
	}
	return value
}
