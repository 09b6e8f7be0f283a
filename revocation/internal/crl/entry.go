// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/binary"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
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
	shortestEntry = shortSerial + 1 + shortDate
)

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
	// maxSerialLength is longer than the 20 octets of RFC 5280 section
	// 4.1.2.2: some authorities add a sign octet to 20 random ones.
	maxSerialLength = 32
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

// when packs a revocation date and a reason into 40 bits: 36 of seconds since
// 1950, which last until the year 4127, and 4 of reason.
type when uint64

const maxRevocationSeconds = 1<<36 - 1

func packWhen(seconds uint64, reason der.Reason) when {
	return when(seconds<<4 | uint64(reason))
}

func (w when) seconds() uint64 { return uint64(w >> 4) }

func (w when) reason() der.Reason { return der.Reason(w & 15) }

func (w when) put(b []byte) {
	_ = b[4]
	binary.LittleEndian.PutUint32(b, uint32(w))
	b[4] = byte(w >> 32)
}

func readWhen(b []byte) when {
	_ = b[4]
	return when(binary.LittleEndian.Uint32(b)) | when(b[4])<<32
}
