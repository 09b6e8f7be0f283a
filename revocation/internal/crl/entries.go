// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// An entryReader reads revokedCertificates into an index. It walks them twice,
// once to judge and count and once to place, so that the index is made at its
// exact size and nothing is kept in between.
//
// The walk is by hand because a CRL may list a million certificates: there is a
// short way for entries as nearly all are, and the full grammar for the others.
type entryReader struct {
	v2       bool // entries may have extensions
	delta    bool // entries may say removeFromCRL
	indirect bool // entries may name the issuer of the certificate
	groups   issuerGroups

	fault   string
	foreign bool // the fault is a critical extension that is not processed
}

// read reads the content octets of revokedCertificates. It returns nil and
// leaves the fault set if an entry is not as it must be.
func (r *entryReader) read(octets []byte) *index {
	builder := newIndexBuilder(r.indirect)
	marks := make([]mark, 0, 16+len(octets)/r.typicalSize(octets))
	group, at := uint32(0), 0
	for {
		if marks, at = r.countShort(builder, marks, octets, at, group); at == len(octets) {
			break
		}
		e, size := r.entry(octets[at:])
		if size == 0 {
			return nil
		}
		if e.issuer != "" {
			group = r.groups.add(e.issuer)
		}
		builder.count(len(e.serial), builder.index.hash(padded(e.serial), len(e.serial), group))
		marks = append(marks, 0)
		at += size
	}
	builder.layOut()
	group, at = 0, 0
	var f filler
	for _, m := range marks {
		if m == 0 {
			e, size := r.entry(octets[at:])
			if e.issuer != "" {
				group = r.groups.add(e.issuer)
			}
			serial := padded(e.serial)
			f = builder.filler(len(e.serial))
			f.put(serial, builder.index.hash(serial, len(e.serial), group)>>(64-partBits), group, e.when)
			at += size
			continue
		}
		if n := m.serial(); n != f.serial {
			f = builder.filler(n)
		}
		if serial := octets[at+shortSerial:]; f.width == 8+whenLength && f.serial == 8 {
			putEnd(f.row(m.part()), binary.LittleEndian.Uint64(serial), m.when())
		} else {
			f.put(serial, m.part(), group, m.when())
		}
		at += m.size()
	}
	return builder.finish()
}

// typicalSize guesses how long most entries are: as the shortest of the first.
func (r *entryReader) typicalSize(octets []byte) int {
	least := shortWindow
	list := cryptobyte.String(octets)
	for range 64 {
		var entry cryptobyte.String
		if !list.ReadASN1Element(&entry, asn1.SEQUENCE) {
			break
		}
		least = min(least, len(entry))
	}
	return max(least, shortestEntry)
}

const (
	// shortSerial is where the serial starts in an entry with one-octet
	// lengths.
	shortSerial = 4
	// shortWindow is how much of the list countShort looks at: more than an
	// entry with the longest serial and a reason.
	shortWindow = 72
	// shortestEntry is one with a serial of one octet.
	shortestEntry = shortSerial + 1 + 2 + der.UTCTimeLength
)

// A mark is what the first walk finds of a short entry and the second needs: the
// when, the lengths of the entry and of the serial, and the part that it goes
// into. That of any other entry is zero; it is read again.
type mark uint64

const (
	markSize   = 40
	markSerial = 47
	markPart   = 53
)

func (m mark) when() when   { return when(m & (1<<markSize - 1)) }
func (m mark) size() int    { return int(m >> markSize & 0x7f) }
func (m mark) serial() int  { return int(m >> markSerial & 0x3f) }
func (m mark) part() uint64 { return uint64(m >> markPart) }

// countShort counts entries from octets[at:] on, up to one that is not short, and
// returns their marks and where that one is. An entry is short if it has
// one-octet lengths, a UTCTime, and no extension but, in a CRL of version 2, a
// reason that is not removeFromCRL; near the end of the list none is.
func (r *entryReader) countShort(builder *indexBuilder, marks []mark, octets []byte, at int, group uint32) ([]mark, int) {
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
		m := mark(packWhen(seconds, der.ReasonUnspecified)) | mark(n)<<markSerial | mark(size)<<markSize
		if size-n != shortSerial+2+der.UTCTimeLength {
			prefix, reason := date[2+der.UTCTimeLength:2+der.UTCTimeLength+len(reasonPrefix)], date[2+der.UTCTimeLength+len(reasonPrefix)]
			if !r.v2 || size-n != shortSerial+2+der.UTCTimeLength+len(reasonPrefix)+1 || string(prefix) != reasonPrefix || plainReasons>>reason&1 == 0 {
				break
			}
			m |= mark(reason)
		}
		var hash uint64
		if n <= 8 {
			hash = builder.index.hashShort(binary.LittleEndian.Uint64(window[shortSerial:]), n, group)
		} else {
			hash = builder.index.hash(window[shortSerial:], n, group)
		}
		marks = append(marks, m|mark(builder.count(n, hash))<<markPart)
		at += size
	}
	return marks, at
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
	return append(append(make([]byte, 0, maxSerialLength+rowPadding), b...), make([]byte, rowPadding)...)
}

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
	if !fields.Empty() {
		if !r.v2 {
			r.fault = "an entry of a version 1 CRL has extensions"
			return entry{}, 0
		}
		if r.fault = der.ReadExtensions(fields, func(oid string, critical bool, value cryptobyte.String) (fault string) {
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
		}); r.fault != "" {
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
	return issuer, ""
}

// issuerGroups numbers the certificate issuers of an indirect CRL. Group 0 is
// the CRL issuer, to whom the entries belong that come before the first
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
