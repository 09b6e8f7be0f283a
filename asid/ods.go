// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// An ODSCode identifies an organisation: letters and digits, in upper
// case, so that == compares without case. The zero ODSCode is no organisation's.
type ODSCode struct{ s string }

// maxODSCode leaves room above the longest codes in use, which have ten
// characters or so.
const maxODSCode = 20

// ParseODSCode accepts 1 to 20 ASCII letters, of either case, and digits.
func ParseODSCode(s string) (ODSCode, error) {
	if len(s) == 0 || len(s) > maxODSCode {
		return ODSCode{}, fmt.Errorf("an ODS code has 1 to %d characters, not %d", maxODSCode, len(s))
	}
	for i := 0; i < len(s); i++ {
		if !ascii.Alphanumeric(s[i]) {
			return ODSCode{}, fmt.Errorf("the ODS code %q has a character that is neither letter nor digit", s)
		}
	}
	return ODSCode{strings.ToUpper(s)}, nil
}

// String returns the code in upper case.
func (c ODSCode) String() string { return c.s }

// IsZero reports whether c is no organisation's.
func (c ODSCode) IsZero() bool { return c == ODSCode{} }

// MarshalText implements [encoding.TextMarshaler].
func (c ODSCode) MarshalText() ([]byte, error) { return []byte(c.s), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]; it accepts what
// [ParseODSCode] does.
func (c *ODSCode) UnmarshalText(text []byte) error {
	parsed, err := ParseODSCode(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
