// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"io"
	"os"
)

// IsTerminal reports whether a person sees what is written, on a terminal that knows
// more than lines.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
