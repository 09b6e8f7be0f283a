// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"runtime"
	"sync"
)

const (
	pemStart = "-----BEGIN "
	pemEnd   = "-----END "
	pemType  = "X509 CRL"

	pemLine    = 64              // characters of a line by RFC 7468 section 2
	pemContent = pemLine / 4 * 3 // octets that they encode

	// linesAtOnce is how many lines a goroutine decodes at least: half a mebibyte.
	linesAtOnce = 1 << 13
)

// decodeUsual decodes the block at the start of data if it is written as RFC 7468
// has it. Whatever it accepts, pem.Decode accepts with the same result; with a CRL of
// a million entries this is several times as fast.
func decodeUsual(data []byte) (content, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(data, []byte(pemStart+pemType+"-----\n"))
	if !ok {
		return nil, nil, false
	}
	// Looking for a line end first would stop at each line, and for the end of a usual
	// block in the blocks behind this one, again for each that is not.
	end := bytes.Index(rest, []byte(pemEnd))
	if end < 1 || rest[end-1] != '\n' || !bytes.HasPrefix(rest[end:], []byte(pemEnd+pemType+"-----\n")) {
		return nil, nil, false
	}
	body, rest := rest[:end], rest[end:]
	rest = rest[bytes.IndexByte(rest, '\n')+1:]
	content = make([]byte, base64.StdEncoding.DecodedLen(len(body)))
	// The last line may be shorter, and padded.
	lines := (len(body) - 1) / (pemLine + 1)
	last := body[lines*(pemLine+1) : len(body)-1]
	n, err := base64.StdEncoding.Decode(content[lines*pemContent:], last)
	if err != nil || !decodeLines(content, body, lines) {
		return nil, nil, false
	}
	return content[:lines*pemContent+n], rest, true
}

// decodeLines decodes full lines, on as many processors as there are, and reports
// whether all of them are well formed. Such a line has 64 characters of the alphabet,
// none that a decoder skips, and so the lines decode as one text would.
func decodeLines(dst, text []byte, lines int) (ok bool) {
	parts := max(1, min(runtime.GOMAXPROCS(0), lines/linesAtOnce))
	formed := make([]bool, parts)
	var others sync.WaitGroup
	for part := range parts {
		from, to := lines*part/parts, lines*(part+1)/parts
		decode := func() {
			formed[part] = decodePart(dst[from*pemContent:to*pemContent], text[from*(pemLine+1):to*(pemLine+1)])
		}
		if part+1 < parts {
			others.Go(decode)
		} else {
			decode()
		}
	}
	others.Wait()
	for _, well := range formed {
		if !well {
			return false
		}
	}
	return true
}

// decodePart decodes full lines.
func decodePart(dst, text []byte) (ok bool) {
	pairs := base64Pairs()
	for ; len(text) > pemLine && len(dst) >= pemContent; dst, text = dst[pemContent:], text[pemLine+1:] {
		line, content := (*[pemLine + 1]byte)(text), (*[pemContent]byte)(dst)
		var all uint16
		for i := range pemLine / 8 {
			eight := binary.LittleEndian.Uint64(line[8*i:])
			a, b, c, d := pairs[uint16(eight)], pairs[uint16(eight>>16)], pairs[uint16(eight>>32)], pairs[uint16(eight>>48)]
			all |= a | b | c | d
			six := uint64(a)<<36 | uint64(b)<<24 | uint64(c)<<12 | uint64(d)
			binary.BigEndian.PutUint32(content[6*i:], uint32(six>>16))
			binary.BigEndian.PutUint16(content[6*i+4:], uint16(six))
		}
		if all >= notBase64 || line[pemLine] != '\n' {
			return false
		}
	}
	return true
}

// notBase64 is what base64Pairs has for characters that are not of the alphabet.
const notBase64 = 1 << 12

// base64Pairs has the twelve bits that two characters encode, the first of them in the
// low octet of the index: half as many look-ups as with one character each.
var base64Pairs = sync.OnceValue(func() *[1 << 16]uint16 {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	pairs := new([1 << 16]uint16)
	for i := range pairs {
		pairs[i] = notBase64
	}
	for high, first := range []byte(alphabet) {
		for low, second := range []byte(alphabet) {
			pairs[uint16(second)<<8|uint16(first)] = uint16(high<<6 | low)
		}
	}
	return pairs
})
