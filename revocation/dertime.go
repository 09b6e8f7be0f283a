package revocation

import (
	"encoding/binary"
	"time"
)

// Times in a CRL are UTCTime for the years 1950 to 2049 and GeneralizedTime
// from 2050 on, both with seconds and in Zulu (RFC 5280 sections 5.1.2.4 to
// 5.1.2.6). They are counted here in seconds since 1950, the earliest that
// UTCTime can say.
const (
	utcTimeLength         = 13 // YYMMDDHHMMSSZ
	generalizedTimeLength = 15 // YYYYMMDDHHMMSSZ
)

var epoch1950 = time.Date(1950, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()

// timeSince1950 turns a count of seconds back into a time.
func timeSince1950(seconds uint64) time.Time {
	return time.Unix(epoch1950+int64(seconds), 0).UTC()
}

// A month holds the days from 1950-01-01 to its first day, and its length: zero
// for the numbers that are no month.
type month struct {
	start  uint16
	length uint8
}

// utcMonths has a row of 16 for each two-digit year of UTCTime.
var utcMonths = func() (table [100 * 16]month) {
	day := 0
	for year := 1950; year < 2050; year++ {
		for m := time.January; m <= time.December; m++ {
			length := time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
			table[year%100*16+int(m)] = month{start: uint16(day), length: uint8(length)}
			day += length
		}
	}
	return table
}()

// parseUTCTime reads the content octets of a UTCTime.
//
// It is called for every entry of a CRL of a million, so it looks at eight
// digits at once: a byte is a digit if adding 0x46 does not reach its top bit
// and taking away 0x30 does not borrow into it.
func parseUTCTime(b []byte) (seconds uint64, ok bool) {
	if len(b) < utcTimeLength {
		return 0, false
	}
	high := binary.LittleEndian.Uint64(b[0:8])         // YYMMDDHH
	low := uint64(binary.LittleEndian.Uint32(b[8:12])) // MMSS
	digits := high - 0x3030303030303030
	lowDigits := low - 0x30303030
	if (digits|(high+0x4646464646464646))&0x8080808080808080 != 0 ||
		(lowDigits|(low+0x46464646))&0x80808080 != 0 || b[12] != 'Z' {
		return 0, false
	}
	// Each lane of 16 bits becomes one two-digit number.
	pairs := digits&0x000f000f000f000f*10 + digits>>8&0x000f000f000f000f
	lowPairs := lowDigits&0x000f000f*10 + lowDigits>>8&0x000f000f
	m, day, hour := pairs>>16&0xff, pairs>>32&0xff, pairs>>48&0xff
	minute, second := lowPairs&0xff, lowPairs>>16&0xff
	if m > 15 {
		return 0, false
	}
	in := utcMonths[(pairs&0xff)%100*16+m&15]
	if day-1 >= uint64(in.length) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return (uint64(in.start)+day-1)*86400 + hour*3600 + minute*60 + second, true
}

// parseGeneralizedTime reads the content octets of a GeneralizedTime, which
// must be later than what UTCTime can say.
func parseGeneralizedTime(b []byte) (seconds uint64, ok bool) {
	if len(b) != generalizedTimeLength {
		return 0, false
	}
	for _, c := range b[:14] {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	t, err := time.Parse("20060102150405Z", string(b))
	if err != nil || t.Year() < 2050 {
		return 0, false
	}
	return uint64(t.Unix() - epoch1950), true
}
