// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// An entryReader reads revokedCertificates into an index, in one walk.
//
// The walk is by hand because a CRL may list a million certificates: there is a
// short way for entries as nearly all are, and the full grammar for the others.
type entryReader struct {
	v2       bool // entries may have extensions
	delta    bool // entries may say removeFromCRL
	indirect bool // entries may name the issuer of the certificate
	inPlace  bool // the octets stay in memory as they are
	groups   issuerGroups
	names    []byte // the last certificateIssuer, and
	name     string // what it names

	fault   string
	foreign bool // the fault is a critical extension that is not processed
}

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
		x.add(x.table(len(e.serial)), at, padded(e.serial), len(e.serial), group, e.when)
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

const (
	// shortSerial is where the serial starts in an entry with one-octet
	// lengths.
	shortSerial = 4
	// shortDate is how long a UTCTime is with its tag and length.
	shortDate = 2 + der.UTCTimeLength
	// shortWindow is how much of the list readShort looks at: more than an
	// entry with the longest serial and a reason.
	shortWindow = 72
	// shortestEntry is one with a serial of one octet.
	shortestEntry = shortSerial + 1 + 2 + der.UTCTimeLength
)

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
		if size-n != shortSerial+2+der.UTCTimeLength {
			prefix, reason := date[2+der.UTCTimeLength:2+der.UTCTimeLength+len(reasonPrefix)], date[2+der.UTCTimeLength+len(reasonPrefix)]
			if !r.v2 || size-n != shortSerial+2+der.UTCTimeLength+len(reasonPrefix)+1 || string(prefix) != reasonPrefix || plainReasons>>reason&1 == 0 {
				break
			}
			w |= when(reason)
		}
		if n != t.serial {
			t = x.table(n)
		}
		serial := window[shortSerial:]
		if n < 8 || x.group != 0 {
			x.add(t, at, serial, n, group, w)
		} else { // what add does, without its call
			part := t.part(x.hashLong(serial, n, 0))
			row := t.row(part)
			if row == nil {
				row = t.more(part)
			}
			if x.octets != nil {
				binary.LittleEndian.PutUint32(row, uint32(at))
			} else {
				put(row, serial, n, w)
			}
		}
		at += size
	}
	return at
}

// reasonPrefix is the DER of crlEntryExtensions with nothing in it but a reason
// code, up to the code.
const reasonPrefix = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01"

// plainReasons has a bit for each reason but removeFromCRL.
const plainReasons = uint64(1<<11-1) &^ (1<<7 | 1<<der.ReasonRemoveFromCRL)

// minimalInteger says whether the first two content octets of an INTEGER are
// those of its shortest form.
func minimalInteger(first, second byte) bool {
	return !(first == 0x00 && second < 0x80 || first == 0xff && second >= 0x80)
}

// padded returns b with room behind it to read eight octets at its last.
func padded(b []byte) []byte {
	return append(append(make([]byte, 0, maxSerialLength+8), b...), make([]byte, 8)...)
}

const (
	// maxEntryExtensions bounds the work on an entry that has not been verified
	// yet. RFC 5280 section 5.3 has three.
	maxEntryExtensions = 6
	// maxGroups bounds the certificate issuers of an indirect CRL.
	maxGroups = 1 << 16
)

// An entry is one of revokedCertificates, as far as it is kept.
type entry struct {
	serial []byte // content octets of the INTEGER
	when   when
	issuer string // normalised; empty: as in the entry before
}

// entry reads any entry at the start of b. A size of zero means that it is not
// as it must be, and why is in r.fault.
func (r *entryReader) entry(b []byte) (e entry, size int) {
	list := cryptobyte.String(b)
	var fields, serial cryptobyte.String
	if !list.ReadASN1(&fields, asn1.SEQUENCE) {
		r.fault = "an entry is not a sequence"
		return entry{}, 0
	}
	if !fields.ReadASN1(&serial, asn1.INTEGER) || len(serial) == 0 || len(serial) > maxSerialLength ||
		len(serial) > 1 && !minimalInteger(serial[0], serial[1]) {
		r.fault = "a serial number is not a DER integer of a length that is read"
		return entry{}, 0
	}
	seconds, ok := der.ReadTime(&fields)
	if !ok || seconds > maxRevocationSeconds {
		r.fault = "a revocationDate is not a strict time"
		return entry{}, 0
	}
	reason := der.ReasonUnspecified
	if !fields.Empty() && !r.v2 {
		r.fault = "an entry of a version 1 CRL has extensions"
		return entry{}, 0
	}
	// Real CAs write an empty crlEntryExtensions, which has one meaning.
	if !fields.Empty() && string(fields) != "\x30\x00" {
		r.fault = der.ReadSomeExtensions(fields, maxEntryExtensions, func(oid string, critical bool, value cryptobyte.String) (fault string) {
			switch oid {
			case der.OIDReasonCode:
				reason, fault = r.reason(value)
				return fault
			case der.OIDCertificateIssuer:
				e.issuer, fault = r.issuer(value, critical)
				return fault
			}
			if critical {
				r.foreign = true
				return "an entry has the critical extension " + der.OIDString(oid)
			}
			return ""
		})
		if r.fault != "" {
			return entry{}, 0
		}
	}
	e.serial, e.when = serial, packWhen(seconds, reason)
	return e, len(b) - len(list)
}

// reason reads the reasonCode of an entry (RFC 5280 section 5.3.1).
func (r *entryReader) reason(value cryptobyte.String) (der.Reason, string) {
	var code cryptobyte.String
	if !value.ReadASN1(&code, asn1.ENUM) || !value.Empty() || len(code) != 1 || code[0] > byte(der.ReasonAACompromise) || code[0] == 7 {
		return 0, "a reasonCode is not one of RFC 5280"
	}
	reason := der.Reason(code[0])
	if reason == der.ReasonRemoveFromCRL && !r.delta {
		return 0, "an entry of a complete CRL says removeFromCRL"
	}
	return reason, ""
}

// issuer reads the certificateIssuer of an entry (RFC 5280 section 5.3.3). It
// counts only in an indirect CRL, must be critical, and must leave no doubt
// about who is meant.
func (r *entryReader) issuer(value cryptobyte.String, critical bool) (string, string) {
	if !r.indirect {
		return "", "an entry names a certificate issuer, but the CRL is not indirect"
	}
	if !critical {
		return "", "a certificateIssuer is not critical"
	}
	if bytes.Equal(value, r.names) {
		return r.name, ""
	}
	r.names, r.name = value, ""
	var content cryptobyte.String
	if !value.ReadASN1(&content, asn1.SEQUENCE) || !value.Empty() {
		return "", "a certificateIssuer is not a sequence"
	}
	names, ok := der.ReadGeneralNames(content)
	if !ok {
		return "", "a certificateIssuer has names that are not well formed"
	}
	issuer := ""
	for _, name := range names {
		if name.Tag != der.TagDirectoryName {
			continue
		}
		if issuer != "" {
			return "", "a certificateIssuer has several directory names"
		}
		issuer = name.Value
	}
	if issuer == "" {
		return "", "a certificateIssuer has no directory name"
	}
	if _, known := r.groups[issuer]; !known && len(r.groups) == maxGroups {
		return "", "it has entries of more certificate issuers than are read"
	}
	r.name = issuer
	return issuer, ""
}

// issuerGroups numbers the certificate issuers of an indirect CRL. Group 0 is
// the CRL issuer, whose entries are those before the first
// certificateIssuer.
type issuerGroups map[string]uint32

func (g issuerGroups) add(issuer string) uint32 {
	group, ok := g[issuer]
	if !ok {
		group = uint32(len(g))
		g[issuer] = group
	}
	return group
}
