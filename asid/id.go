// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"fmt"
	"strconv"
)

// An ID is an Accredited System Identifier (ASID): 12 decimal digits, one for
// each system deployed in one organisation. The zero ID is no system's. IDs are
// comparable with ==.
type ID struct {
	// The digits as a number, and how many there are above it: an ASID may
	// begin with zeros. Two words of text would make map look-ups slower.
	packed uint64
}

const (
	idDigits   = 12
	digitsMask = 1<<40 - 1 // 10^12 is less than 2^40
)

// ParseID accepts exactly 12 decimal digits.
func ParseID(s string) (ID, error) {
	if len(s) != idDigits {
		return ID{}, fmt.Errorf("an ASID is %d digits, not %d characters", idDigits, len(s))
	}
	// Twelve digits one after the other would take longer than to find the system.
	first, ok1 := fourDigits(s[:4])
	second, ok2 := fourDigits(s[4:8])
	third, ok3 := fourDigits(s[8:12])
	if !(ok1 && ok2 && ok3) {
		return ID{}, errNotDigits
	}
	return ID{idDigits<<40 | (first*1e8 + second*1e4 + third)}, nil
}

// fourDigits reads four octets as one word: their values, those of pairs of them,
// that of both pairs.
func fourDigits(s string) (n uint64, ok bool) {
	const each = 0x01010101
	word := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
	// Of '0' to '9', and of no other octet, both it and it plus 6 begin with 3.
	ok = word&(0xF0*each) == 0x30*each && (word+6*each)&(0xF0*each) == 0x30*each
	word &= 0x0F * each
	pairs := word*10 + word>>8
	return uint64(pairs&0xFF*100 + pairs>>16&0xFF), ok
}

// ParseTestID accepts 1 to 12 decimal digits: test environments have used ASIDs
// shorter than those of production. Leading zeros count.
func ParseTestID(s string) (ID, error) {
	if len(s) == 0 || len(s) > idDigits {
		return ID{}, fmt.Errorf("a test environment's ASID is 1 to %d digits, not %d characters", idDigits, len(s))
	}
	return parseDigits(s)
}

// idParser returns ParseTestID if test is set, else ParseID.
func idParser(test bool) func(string) (ID, error) {
	if test {
		return ParseTestID
	}
	return ParseID
}

var errNotDigits = errors.New("an ASID has decimal digits only")

func parseDigits(s string) (ID, error) {
	var n uint64
	for i := 0; i < len(s); i++ {
		digit := s[i] - '0'
		if digit > 9 {
			return ID{}, errNotDigits
		}
		n = n*10 + uint64(digit)
	}
	return ID{uint64(len(s))<<40 | n}, nil
}

// MustParseID is ParseID for literals; it panics if s is not an ASID.
func MustParseID(s string) ID {
	id, err := ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// IsZero reports whether id is no system's.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the digits; the zero ID gives the empty string.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	digits := strconv.FormatUint(id.packed&digitsMask, 10)
	for len(digits) < int(id.packed>>40) {
		digits = "0" + digits
	}
	return digits
}

// MarshalText implements [encoding.TextMarshaler].
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]; it accepts what [ParseID]
// does.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
