// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// read reads the content octets of revokedCertificates. It returns nil and
// leaves the fault set if an entry is not as it must be.
func (r *entryReader) read(octets []byte) *index {
	var inPlace []byte
	if r.inPlace {
		inPlace = octets
	}
	x := newIndex(r.indirect, inPlace, sample(octets))
	group := uint32(0)
	for at := 0; ; {
		if at = r.readShort(x, octets, at, group); at == len(octets) {
			x.filled()
			return x
		}
		e, size := r.entry(octets[at:])
		if size == 0 {
			return nil
		}
		if e.issuer != "" {
			group = r.groups.add(e.issuer)
		}
		serial := at + shortSerial
		if length := octets[at+1]; length >= 0x80 { // of the entry, in more octets
			serial += int(length & 0x7f)
		}
		x.add(x.table(len(e.serial)), serial, padded(e.serial), len(e.serial), group, e.when)
		at += size
	}
}

// sample looks at this many entries, and at more of a large list: at one part in so
// many. In many lists the lengths of serials are a matter of chance, and a table with
// room for a few in a hundred fewer than there are moves most of its parts.
const (
	sampled     = 256
	sampledPart = 256
)

// sample guesses, from the first entries, how many there are with serials of each
// length. What it guesses decides nothing but how much memory is set aside.
func sample(octets []byte) *[maxSerialLength + 1]int {
	var seen, expected [maxSerialLength + 1]int
	list, count := cryptobyte.String(octets), 0
	for ; !list.Empty() && (count < sampled || len(octets)-len(list) < len(octets)/sampledPart); count++ {
		var entry, serial cryptobyte.String
		if !list.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1(&serial, asn1.INTEGER) {
			break
		}
		if len(serial) <= maxSerialLength {
			seen[len(serial)]++
		}
	}
	if count > 0 && len(octets) > len(list) {
		total := len(octets) / max((len(octets)-len(list))/count, shortestEntry)
		for n := range seen {
			expected[n] = total * seen[n] / count
		}
	}
	return &expected
}

// readShort adds entries from octets[at:] on, up to one that is not short, and
// returns where that one is. An entry is short if it has one-octet lengths, a
// UTCTime, and no extension but, in a CRL of version 2, a reason that is not
// removeFromCRL; near the end of the list none is.
func (r *entryReader) readShort(x *index, octets []byte, at int, group uint32) int {
	t := new(table)
	for len(octets)-at >= shortWindow {
		window := (*[shortWindow]byte)(octets[at:])
		header := binary.LittleEndian.Uint32(window[:])
		n := int(header >> 24)
		// SEQUENCE and INTEGER, the latter of 1 to maxSerialLength octets.
		if header&0x00ff00ff != 0x00020030 || uint(n-1) >= maxSerialLength {
			break
		}
		if first := window[shortSerial]; first-1 >= 0xfe && n > 1 && !minimalInteger(first, window[shortSerial+1]) {
			break
		}
		date := window[shortSerial+n:][:32]
		tail := binary.LittleEndian.Uint64(date[10:])
		high, low, bad := der.UTCPairs(binary.LittleEndian.Uint64(date[2:]), tail)
		seconds, alsoBad := der.UTCSeconds(high, low)
		if bad|alsoBad != 0 || byte(tail>>32) != 'Z' || binary.LittleEndian.Uint16(date) != der.UTCTimeLength<<8|0x17 {
			break
		}
		size := int(header>>8&0xff) + 2
		w := packWhen(seconds, der.ReasonUnspecified)
		if size-n != shortSerial+shortDate {
			prefix, reason := date[shortDate:shortDate+len(reasonPrefix)], date[shortDate+len(reasonPrefix)]
			if !r.v2 || size-n != shortSerial+shortDate+len(reasonPrefix)+1 || string(prefix) != reasonPrefix || plainReasons>>reason&1 == 0 {
				break
			}
			w |= when(reason)
		}
		if n != t.serial {
			t = x.table(n)
		}
		serial := window[shortSerial:]
		if n < 8 || x.group != 0 {
			x.add(t, at+shortSerial, serial, n, group, w)
		} else { // what add does, without its call
			part := t.part(x.hashLong(serial, n, 0))
			row := t.row(part)
			if row == nil {
				row = t.more(part)
			}
			if x.octets != nil {
				putPlace(row, at+shortSerial, w)
			} else {
				putSerial(row, serial, n, w)
			}
		}
		at += size
	}
	return at
}
