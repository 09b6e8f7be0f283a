package revocation

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
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
func (r *entryReader) read(der []byte) *index {
	builder := newIndexBuilder(r.indirect)
	marks := make([]mark, 0, 16+len(der)/r.typicalSize(der))
	group := uint32(0)
	for at := 0; at < len(der); {
		if len(der)-at >= shortWindow {
			window := (*[shortWindow]byte)(der[at:])
			if m := readShort(window); m != 0 {
				builder.add(window[shortSerial:], m.serial(), group)
				marks = append(marks, m)
				at += 2 + int(window[1])
				continue
			}
		}
		e, size := r.entry(der[at:])
		if size == 0 {
			return nil
		}
		if e.issuer != "" {
			group = r.groups.add(e.issuer)
		}
		builder.add(padded(e.serial), len(e.serial), group)
		marks = append(marks, 0)
		at += size
	}
	builder.layOut()
	group = 0
	at := 0
	for _, m := range marks {
		if m != 0 {
			builder.place(der[at+shortSerial:], m.serial(), group, m.when())
			at += m.size()
			continue
		}
		e, size := r.entry(der[at:])
		if e.issuer != "" {
			group = r.groups.add(e.issuer)
		}
		builder.place(padded(e.serial), len(e.serial), group, e.when)
		at += size
	}
	return builder.finish()
}

// typicalSize guesses how long most entries are: as the shortest of the first.
func (r *entryReader) typicalSize(der []byte) int {
	least := shortWindow
	list := cryptobyte.String(der)
	for range 64 {
		var entry cryptobyte.String
		if !list.ReadASN1Element(&entry, asn1.SEQUENCE) {
			break
		}
		least = min(least, len(entry))
	}
	return least
}

const (
	// shortSerial is where the serial starts in an entry with one-octet
	// lengths.
	shortSerial = 4
	// shortWindow is how much of the list readShort looks at: more than an
	// entry with the longest serial and a reason.
	shortWindow = 72
)

// A mark is what the first walk finds of a short entry and the second needs: the
// when, and the lengths of the serial and of the entry. That of a long entry is
// zero; it is read again.
type mark uint64

func (m mark) when() when  { return when(m & (1<<40 - 1)) }
func (m mark) serial() int { return int(m >> 40 & 0xff) }
func (m mark) size() int   { return int(m >> 48) }

// readShort reads an entry with one-octet lengths, a UTCTime, and no extension
// but a reason that is not removeFromCRL, at the start of a window. It returns
// zero for any other, good or bad.
func readShort(window *[shortWindow]byte) mark {
	header := binary.LittleEndian.Uint32(window[:])
	serial := header >> 24
	// SEQUENCE and INTEGER, the latter of 1 to maxSerialLength octets.
	if header&0x00ff00ff != 0x00020030 || serial-1 >= maxSerialLength {
		return 0
	}
	if window[shortSerial]-1 >= 0xfe && serial > 1 && !minimalInteger(window[shortSerial], window[shortSerial+1]) {
		return 0
	}
	date := window[shortSerial+serial:][:32]
	tail := binary.LittleEndian.Uint64(date[10:])
	seconds, ok := utcTime(binary.LittleEndian.Uint64(date[2:]), tail)
	if !ok || binary.LittleEndian.Uint16(date) != utcTimeLength<<8|0x17 {
		return 0
	}
	size := header>>8&0xff + 2
	m := mark(seconds<<4) | mark(serial)<<40 | mark(size)<<48
	switch int(size - serial) {
	case shortSerial + 2 + utcTimeLength:
		return m
	case shortSerial + 2 + utcTimeLength + len(reasonPrefix) + 1:
		reason := date[2+utcTimeLength+len(reasonPrefix)]
		if string(date[2+utcTimeLength:2+utcTimeLength+len(reasonPrefix)]) == reasonPrefix && plainReasons>>reason&1 != 0 {
			return m | mark(reason)
		}
	}
	return 0
}

// reasonPrefix is the DER of crlEntryExtensions with nothing in it but a reason
// code, up to the code.
const reasonPrefix = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01"

// plainReasons has a bit for each reason but removeFromCRL.
const plainReasons = uint64(1<<11-1) &^ (1<<7 | 1<<ReasonRemoveFromCRL)

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
	seconds, ok := readTime(&fields)
	if !ok || seconds > maxRevocationSeconds {
		r.fault = "a revocationDate is not a strict time"
		return entry{}, 0
	}
	reason := ReasonUnspecified
	if !fields.Empty() {
		if !r.v2 {
			r.fault = "an entry of a version 1 CRL has extensions"
			return entry{}, 0
		}
		if r.fault = readExtensions(fields, func(oid string, critical bool, value cryptobyte.String) (fault string) {
			switch oid {
			case oidReasonCode:
				reason, fault = r.reason(value)
				return fault
			case oidCertificateIssuer:
				e.issuer, fault = r.issuer(value, critical)
				return fault
			}
			if critical {
				r.foreign = true
				return "an entry has the critical extension " + objectIdentifier(oid)
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
func (r *entryReader) reason(value cryptobyte.String) (Reason, string) {
	var code cryptobyte.String
	if !value.ReadASN1(&code, asn1.ENUM) || !value.Empty() || len(code) != 1 || code[0] > byte(ReasonAACompromise) || code[0] == 7 {
		return 0, "a reasonCode is not one of RFC 5280"
	}
	reason := Reason(code[0])
	if reason == ReasonRemoveFromCRL && !r.delta {
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
	names, ok := readGeneralNames(content)
	if !ok {
		return "", "a certificateIssuer has names that are not well formed"
	}
	issuer := ""
	for _, name := range names {
		if name.tag != tagDirectoryName {
			continue
		}
		if issuer != "" {
			return "", "a certificateIssuer has several directory names"
		}
		issuer = name.value
	}
	if issuer == "" {
		return "", "a certificateIssuer has no directory name"
	}
	return issuer, ""
}

// readTime reads a UTCTime or GeneralizedTime as seconds since 1950.
func readTime(s *cryptobyte.String) (seconds uint64, ok bool) {
	var content cryptobyte.String
	if s.PeekASN1Tag(asn1.UTCTime) {
		if !s.ReadASN1(&content, asn1.UTCTime) || len(content) != utcTimeLength {
			return 0, false
		}
		return parseUTCTime(content)
	}
	if !s.ReadASN1(&content, asn1.GeneralizedTime) {
		return 0, false
	}
	return parseGeneralizedTime(content)
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
