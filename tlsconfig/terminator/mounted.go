// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bufio"
	"io"
	"os"
	"strings"
)

// mounted reports whether a file is a mount point of its own, as Linux tells it.
func mounted(path string) bool {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false // the renaming will fail
	}
	defer file.Close()
	return mountPoint(file, path)
}

// mountPoint looks for a path in the fifth field of the lines of mountinfo (proc(5)),
// where spaces, tabs, line breaks and backslashes are octal.
func mountPoint(mountinfo io.Reader, path string) bool {
	escaped := strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`).Replace(path)
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if fields := strings.SplitN(lines.Text(), " ", 6); len(fields) > 4 && fields[4] == escaped {
			return true
		}
	}
	return false
}
