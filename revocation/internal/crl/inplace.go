// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"encoding/binary"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// entry returns the DER from the entry on that a row says the place of.
func (x *index) entry(row []byte) []byte { return x.octets[binary.LittleEndian.Uint32(row):] }

// serialIn returns what is from the serial on in an entry, whose SEQUENCE may have a
// length of more than an octet.
func serialIn(entry []byte) []byte {
	if length := entry[1]; length >= 0x80 {
		return entry[shortSerial+length&0x7f:]
	}
	return entry[shortSerial:]
}

// whenIn returns the date and reason of the entry that is first in octets, which was well
// formed when the list was read and has a serial of n octets. Whether an entry has a reason
// is no branch: the processor would often predict it wrongly, and find out only when the
// entry has come from memory.
func whenIn(octets []byte, n int) when {
	if len(octets) < shortWindow {
		return longWhen(octets)
	}
	window := (*[shortWindow]byte)(octets)
	date := window[shortSerial+n:][:32]
	extensions := date[shortDate:]
	differ := binary.LittleEndian.Uint64(extensions[len(reasonPrefix)-9:]) ^ reasonOctets
	reason := uint64(extensions[len(reasonPrefix)])
	size := uint64(window[1]) + 2 - shortSerial - uint64(n) - shortDate
	beyond := size - uint64(len(reasonPrefix)+1)
	if size == 0 {
		differ, reason, beyond = 0, 0, 0
	}
	if differ|beyond != 0 { // or a GeneralizedTime, which is two octets longer
		return longWhen(octets)
	}
	high, low, _ := der.UTCPairs(binary.LittleEndian.Uint64(date[2:]), binary.LittleEndian.Uint64(date[10:]))
	seconds, _ := der.UTCSeconds(high, low)
	return when(seconds<<4 | reason)
}

// reasonOctets are those of a reasonPrefix from the object identifier on, which is all that
// tells a reason from another extension of as many octets.
var reasonOctets = binary.LittleEndian.Uint64([]byte(reasonPrefix[len(reasonPrefix)-9:]))

// longWhen is whenIn for an entry of any form.
func longWhen(octets []byte) when {
	r := entryReader{v2: true, delta: true}
	e, _ := r.entry(octets)
	return e.when
}
