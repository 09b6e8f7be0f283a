// SPDX-License-Identifier: Apache-2.0

package der

import (
	"encoding/binary"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Times in a CRL are UTCTime or GeneralizedTime, both with seconds and in Zulu
// (RFC 5280 sections 5.1.2.4 to 5.1.2.6). A CA must write UTCTime until 2049;
// who reads must process both (section 5.1.2.4), so GeneralizedTime before 2050
// is read. They are counted here in seconds since 1950, the earliest that
// UTCTime can say.
const (
	UTCTimeLength         = 13 // YYMMDDHHMMSSZ
	GeneralizedTimeLength = 15 // YYYYMMDDHHMMSSZ
)

var epoch1950 = time.Date(1950, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()

// Time turns a count of seconds back into a time.
func Time(seconds uint64) time.Time {
	return time.Unix(epoch1950+int64(seconds), 0).UTC()
}

// A month holds the days from 1950-01-01 to its first day, and its length: zero
// for the numbers that are no month.
type month struct {
	start  uint16
	length uint8
}

// utcMonths has a row of 16 for each two-digit year of UTCTime, and rows to
// spare, so that no seven bits lead past it.
var utcMonths = func() (table [128 * 16]month) {
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

// UTCPairs and UTCSeconds read the content octets of a UTCTime, of which head is
// the first eight and tail begins with the other four digits, little-endian. The
// time is good if neither finds anything bad.
//
// They are called for every entry of a CRL of a million, so they work on all
// digits at once. A byte is a digit if adding 0x46 does not reach its top bit and
// taking away 0x30 does not borrow into it. Multiplying by 0xa01 adds to each
// digit ten times the one before it, which leaves a two-digit number in every
// other byte: year, month, day and hour in high, minute and second in low.
func UTCPairs(head, tail uint64) (high, low, bad uint64) {
	const digits, tops, pairs = 0x3030303030303030, 0x8080808080808080, 0x00ff00ff00ff00ff
	high, low = head-digits, tail&0xffffffff-digits&0xffffffff
	bad = (high | low | (head + 0x4646464646464646) | (tail&0xffffffff + 0x46464646)) & tops
	return high * 0xa01 >> 8 & pairs, low * 0xa01 >> 8 & pairs, bad
}

// UTCSeconds adds to each number 128 less its bound, which sets the top bit of
// its byte unless it is below: months below 16, hours below 24, minutes and
// seconds below 60. The days of the month are in utcMonths.
func UTCSeconds(high, low uint64) (seconds, bad uint64) {
	bad = (high+0x0068000000700000)&0x0080000000800000 | (low+0x00440044)&0x00800080
	month := utcMonths[(high&0x7f*16|high>>16&0x0f)%uint64(len(utcMonths))]
	day := high>>32&0xff - 1
	if day >= uint64(month.length) {
		bad = 1
	}
	return (uint64(month.start)+day)*86400 + high>>48*3600 + low&0xff*60 + low>>16, bad
}

// ParseUTCTime reads the content octets of a UTCTime.
func ParseUTCTime(b []byte) (seconds uint64, ok bool) {
	if len(b) != UTCTimeLength || b[12] != 'Z' {
		return 0, false
	}
	high, low, bad := UTCPairs(binary.LittleEndian.Uint64(b), uint64(binary.LittleEndian.Uint32(b[8:])))
	seconds, alsoBad := UTCSeconds(high, low)
	return seconds, bad|alsoBad == 0
}

// ParseGeneralizedTime reads the content octets of a GeneralizedTime from 1950
// on.
func ParseGeneralizedTime(b []byte) (seconds uint64, ok bool) {
	if len(b) != GeneralizedTimeLength {
		return 0, false
	}
	for _, c := range b[:14] {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	t, err := time.Parse("20060102150405Z", string(b))
	if err != nil || t.Year() < 1950 {
		return 0, false
	}
	return uint64(t.Unix() - epoch1950), true
}

// ReadTime reads a UTCTime or a GeneralizedTime as seconds since 1950.
func ReadTime(s *cryptobyte.String) (seconds uint64, ok bool) {
	var content cryptobyte.String
	if s.PeekASN1Tag(asn1.UTCTime) {
		return parse(s.ReadASN1(&content, asn1.UTCTime), &content, ParseUTCTime)
	}
	return parse(s.ReadASN1(&content, asn1.GeneralizedTime), &content, ParseGeneralizedTime)
}

func parse(ok bool, content *cryptobyte.String, read func([]byte) (uint64, bool)) (uint64, bool) {
	if !ok {
		return 0, false
	}
	return read(*content)
}
