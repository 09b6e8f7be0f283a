// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"encoding/base64"
	"encoding/binary"
	"io"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

const (
	lineOctets = 48        // of DER in a line of PEM (RFC 7468 section 2)
	partOctets = 256 << 10 // of PEM that are written at once, about
)

// writePEM writes lists one behind the other, without a line between them: HAProxy
// takes a blank line for the end.
func writePEM(w io.Writer, lists []*revocation.List) error {
	text := make([]byte, 0, partOctets+1<<10)
	write := func() (err error) {
		_, err = w.Write(text)
		text = text[:0]
		return err
	}
	for _, l := range lists {
		text = append(text, "-----BEGIN X509 CRL-----\n"...)
		der := l.DER
		for ; len(der) >= lineOctets+2; der = der[lineOctets:] {
			text = append(appendLine(text, (*[lineOctets + 2]byte)(der)), '\n')
			if len(text) >= partOctets {
				if err := write(); err != nil {
					return err
				}
			}
		}
		for len(der) > 0 {
			n := min(len(der), lineOctets)
			text = append(base64.StdEncoding.AppendEncode(text, der[:n]), '\n')
			der = der[n:]
		}
		text = append(text, "-----END X509 CRL-----\n"...)
	}
	return write()
}

// appendLine appends the base64 of a line, six octets at a time, each read with the two
// behind them. encoding/base64, which takes three at a time, made up most of what a file
// of many lists cost.
func appendLine(text []byte, line *[lineOctets + 2]byte) []byte {
	for i := 0; i < lineOctets; i += 6 {
		v := binary.BigEndian.Uint64(line[i:])
		text = binary.LittleEndian.AppendUint64(text, uint64(digits[v>>52])|uint64(digits[v>>40&0xfff])<<16|uint64(digits[v>>28&0xfff])<<32|uint64(digits[v>>16&0xfff])<<48)
	}
	return text
}

// digits are the two digits of base64 for each 12 bits, the first one low.
var digits = func() (table [1 << 12]uint16) {
	for i := range table {
		table[i] = binary.LittleEndian.Uint16(base64.StdEncoding.AppendEncode(nil, []byte{byte(i >> 4), byte(i << 4), 0}))
	}
	return table
}()
